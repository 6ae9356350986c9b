//! The page: where it is mounted, and what is written into it.

/// What a binary without the console's files says.
pub(crate) const MISSING: &str = "<!doctype html><html lang=\"en\"><title>ADE</title><h1>The console is not part of this build</h1>\
    <p>The API works. Building the console needs Node 20.19 or newer; then run <code>make console build</code> and start ADE again.</p>";

/// Splits a request's path into where the console is mounted, ending in a slash, and the rest, which the gateway matched.
/// `None` for a path that can't be a place in the console.
pub(crate) fn split<'a>(path: &str, rest: &'a str) -> Option<(String, &'a str)> {
    let rest = rest.trim_start_matches('/');
    let mount = path.strip_suffix(rest)?.trim_end_matches('/');
    // It becomes part of the page, where it must be nothing but a path: no quotes, no host.
    let plain = |segment: &str| !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~$".contains(&byte));
    let segments = mount.strip_prefix('/').map(|mount| mount.split('/'));
    segments.into_iter().flatten().all(plain).then(|| (format!("{mount}/"), rest))
}

/// Whether a path ends like a file's name does. Ids and the console's own places have no dots.
pub(crate) fn names_a_file(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.contains('.'))
}

/// Writes the mount and the nonce of this answer into the page, and the identity provider as JSON; nothing when there is none.
pub(crate) fn fill(template: &str, base: &str, nonce: &str, provider: &str) -> String {
    let provider = provider.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    template.replacen("<base href=\"/\"", &format!("<base href=\"{base}\""), 1).replace("__NONCE__", nonce).replacen(
        "__PROVIDER__",
        &provider,
        1,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mount_is_what_the_gateway_did_not_match() {
        for (path, rest, base) in [
            ("/", "", "/"),
            ("/prod", "", "/prod/"),
            ("/prod/", "", "/prod/"),
            ("/w/ws_1/runs", "w/ws_1/runs", "/"),
            ("/w/ws_1/", "w/ws_1/", "/"),
            ("/prod/w/ws_1/runs", "w/ws_1/runs", "/prod/"),
            ("/tools/ade/assets/a.js", "assets/a.js", "/tools/ade/"),
        ] {
            assert_eq!(split(path, rest), Some((base.to_owned(), rest)), "{path}");
        }
    }

    #[test]
    fn a_path_that_could_break_out_of_the_page_is_none_of_ours() {
        for (path, rest) in [("//evil.example/x", "x"), ("/\"><script>/x", "x"), ("/a%22/x", "x"), ("/prod/a%20b", "a b")] {
            assert_eq!(split(path, rest), None, "{path}");
        }
    }

    #[test]
    fn places_and_files_are_told_apart() {
        assert!(!names_a_file("w/ws_1/runs/run_1") && !names_a_file(""));
        assert!(names_a_file("assets/index-1.js") && names_a_file("w/favicon.ico"));
    }

    #[test]
    fn the_page_is_filled() {
        let template = "<base href=\"/\" /><meta nonce=\"__NONCE__\"><meta content=\"__PROVIDER__\"><link nonce=\"__NONCE__\">";
        let page = fill(template, "/prod/", "n1", "{\"name\":\"<a&b>\"}");
        let provider = "<meta content=\"{&quot;name&quot;:&quot;&lt;a&amp;b>&quot;}\">";
        assert_eq!(page, format!("<base href=\"/prod/\" /><meta nonce=\"n1\">{provider}<link nonce=\"n1\">"));
    }
}
