//! The commands that edit, check, build and compare configs.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::commands::{command, finished, lines, says};
use super::fixtures::change_draft;
use super::server::{Stack, ade};

/// A directory with the files of a config.
struct Directory {
    _top: tempfile::TempDir,
    path: PathBuf,
}

impl Directory {
    fn new() -> Self {
        let top = tempfile::tempdir().unwrap();
        Self { path: top.path().join("rules"), _top: top }
    }

    /// With the template's files.
    fn init() -> Self {
        let directory = Self::new();
        let said = finished(ade(&["configs", "init", directory.name()]), 0);
        assert!(said.contains("ade configs push"), "it says what comes next: {said}");
        directory
    }

    fn name(&self) -> &str {
        self.path.to_str().unwrap()
    }

    fn write(&self, path: &str, content: &str) {
        let file = self.path.join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, content).unwrap();
    }

    fn read(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(self.path.join(path)).ok()
    }

    fn remove(&self, path: &str) {
        std::fs::remove_file(self.path.join(path)).unwrap();
    }
}

/// What a push or a pull did, as programs are told.
fn moved(stack: &Stack, arguments: &[&str]) -> (Vec<String>, Vec<String>, Vec<String>) {
    let arguments = [arguments, &["--json"]].concat();
    let answer = lines(stack, &arguments).remove(0);
    let names = |name: &str| -> Vec<String> { serde_json::from_value(answer[name].clone()).unwrap() };
    (names("written"), names("deleted"), names("left"))
}

/// A pushed config; its id.
fn pushed(stack: &Stack, directory: &Directory) -> String {
    let answer = lines(stack, &["configs", "push", directory.name(), "--new", "Orders", "--json"]).remove(0);
    answer["config_id"].as_str().unwrap().to_owned()
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

async fn draft_file(stack: &Stack, config: &str, path: &str) -> Option<Vec<u8>> {
    let answer = stack.api.get(&stack.in_workspace(&format!("configs/{config}/files/{path}"))).await;
    (answer.status == 200).then(|| answer.body.to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_config_goes_from_a_directory_to_a_build() {
    let stack = Stack::start().await;
    let directory = Directory::init();
    directory.write("notes.md", "Ours.\n");
    directory.remove("settings.toml");
    directory.write("src/__pycache__/x.pyc", "left behind");
    let config = pushed(&stack, &directory);
    assert_eq!(draft_file(&stack, &config, "notes.md").await.as_deref(), Some(&b"Ours.\n"[..]));
    assert_eq!(draft_file(&stack, &config, "settings.toml").await, None, "the template's file is not ours");
    let (written, deleted, left) = moved(&stack, &["configs", "push", directory.name()]);
    assert_eq!((written.len(), deleted.len(), left.len()), (0, 0, 0), "only what changed is sent");

    let fine = says(&stack, &["configs", "validate", directory.name()]);
    assert!(fine.contains("no issues"), "{fine}");
    let built = lines(&stack, &["configs", "build", directory.name(), "--json"]);
    assert_eq!((&built[0]["type"], &built[built.len() - 1]["status"]), (&json!("build.created"), &json!("active")));
    assert!(says(&stack, &["configs", "build", "Orders"]).contains("nothing has changed"));
    let version = lines(&stack, &["configs", "versions", &config, "--json"]).remove(0)["id"].as_str().unwrap().to_owned();

    directory.write("src/ade_config/columns/email.py", "def register(registry)\n    pass\n");
    let difference = says(&stack, &["configs", "diff", directory.name()]);
    assert!(
        difference.contains("+++ b/src/ade_config/columns/email.py\n") && difference.contains("\n+def register(registry)\n"),
        "{difference}"
    );
    assert_eq!(moved(&stack, &["configs", "push", directory.name()]).0, ["src/ade_config/columns/email.py"]);
    assert_eq!(says(&stack, &["configs", "diff", directory.name()]), "");
    let between = says(&stack, &["configs", "diff", &config, &version]);
    assert_eq!(between, difference, "the draft is what the directory was");
    let json = lines(&stack, &["configs", "diff", &config, "draft", &version, "--json"]).remove(0);
    assert_eq!(json["files"][0]["status"], "modified");

    // In the directory itself the config need not be named.
    let mut here = command(&stack, &["configs", "validate"]);
    here.current_dir(directory.path.join("src"));
    let output = here.output().unwrap();
    let (stdout, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stdout.contains("src/ade_config/columns/email.py:1") && stdout.contains("syntax_error"), "{stdout}");
    assert!(stderr.contains("has 1 error") && stderr.contains("hint: "), "{stderr}");
    assert!(finished(command(&stack, &["configs", "build", "Orders"]), 1).contains("the build failed"));

    assert!(says(&stack, &["configs", "rename", &config, "Orders 2026"]).contains("Orders 2026"));
    let listed = says(&stack, &["configs", "list", "--name", "orders"]);
    assert!(listed.contains(&config) && listed.contains("active"), "{listed}");
    assert!(says(&stack, &["configs", "list", "--status", "draft"]).contains("no such configs"));
    assert_eq!(lines(&stack, &["configs", "show", "Orders 2026", "--json"])[0]["id"], config.as_str());
    says(&stack, &["configs", "delete", "Orders 2026"]);
    let gone = finished(command(&stack, &["configs", "show", directory.name()]), 1);
    assert!(gone.contains("which is not there") && gone.contains(".ade-config.json"), "{gone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_comes_into_a_directory_and_nothing_of_ours_is_lost() {
    let stack = Stack::start().await;
    let config = stack.config().await;
    let directory = Directory::new();
    let pull = ["configs", "pull", directory.name(), "--config", &config];
    let (written, ..) = moved(&stack, &pull);
    assert!(written.contains(&"src/ade_config/columns/email.py".to_owned()), "{written:?}");
    assert!(directory.read("pyproject.toml").is_some());
    let pull = &pull[..3];
    assert_eq!(moved(&stack, pull), Default::default());

    // Theirs: one changed, one new, one deleted. Ours: another changed, one new.
    change_draft(&stack, &config, &[("README.md", Some("theirs\n")), ("new.txt", Some("new\n")), ("settings.toml", None)]).await;
    directory.write("pyproject.toml", "# ours\n");
    directory.write("mine.txt", "mine\n");
    let (written, deleted, left) = moved(&stack, pull);
    assert_eq!(
        (written, deleted, left),
        (strings(&["README.md", "new.txt"]), strings(&["settings.toml"]), strings(&["mine.txt", "pyproject.toml"]))
    );
    assert_eq!((directory.read("README.md").as_deref(), directory.read("settings.toml")), (Some("theirs\n"), None));
    assert_eq!(directory.read("pyproject.toml").as_deref(), Some("# ours\n"));

    // Both change the same file: neither direction does anything until it is told whose counts.
    change_draft(&stack, &config, &[("README.md", Some("theirs again\n")), ("new.txt", Some("the same\n"))]).await;
    directory.write("README.md", "ours\n");
    directory.write("new.txt", "the same\n");
    for direction in ["pull", "push"] {
        let refused = finished(command(&stack, &["configs", direction, directory.name()]), 1);
        assert!(refused.contains("README.md") && !refused.contains("new.txt") && refused.contains("--force"), "{refused}");
    }
    assert_eq!(directory.read("README.md").as_deref(), Some("ours\n"));
    assert_eq!(draft_file(&stack, &config, "mine.txt").await, None, "a refused push sends nothing at all");
    let difference = says(&stack, &["configs", "diff", directory.name()]);
    assert!(difference.contains("-theirs again\n+ours\n") && difference.contains("+mine"), "{difference}");

    let (written, deleted, left) = moved(&stack, &["configs", "push", directory.name(), "--force"]);
    assert_eq!((written, deleted, left), (strings(&["README.md", "mine.txt", "pyproject.toml"]), vec![], vec![]));
    assert_eq!(draft_file(&stack, &config, "README.md").await.as_deref(), Some(&b"ours\n"[..]));

    change_draft(&stack, &config, &[("README.md", Some("theirs at last\n"))]).await;
    directory.write("README.md", "ours at last\n");
    directory.write("pyproject.toml", "# broken\n");
    directory.write("only here.txt", "x");
    let (written, _, left) = moved(&stack, &["configs", "pull", directory.name(), "--force"]);
    assert_eq!((written, left), (strings(&["README.md", "pyproject.toml"]), strings(&["only here.txt"])));
    assert_eq!(directory.read("README.md").as_deref(), Some("theirs at last\n"));
    assert_eq!(directory.read("only here.txt").as_deref(), Some("x"));

    // A directory that somebody else made, from the repository for example, knows nothing: what is the same is no conflict.
    std::fs::remove_file(directory.path.join(".ade-config.json")).unwrap();
    directory.remove("only here.txt");
    let unlinked = finished(command(&stack, &["configs", "push", directory.name()]), 2);
    assert!(unlinked.contains("belongs to no config"), "{unlinked}");
    assert_eq!(moved(&stack, &["configs", "push", directory.name(), "--config", "Default"]), Default::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_directories_that_push_one_is_told() {
    let stack = Stack::start().await;
    let (ada, liv) = (Directory::init(), Directory::new());
    let config = pushed(&stack, &ada);
    says(&stack, &["configs", "pull", liv.name(), "--config", &config]);
    ada.write("README.md", "Ada's\n");
    liv.write("README.md", "Liv's\n");
    liv.write("liv.txt", "x\n");
    says(&stack, &["configs", "push", ada.name()]);
    let refused = finished(command(&stack, &["configs", "push", liv.name()]), 1);
    assert!(refused.contains("README.md"), "{refused}");
    assert_eq!(draft_file(&stack, &config, "README.md").await.as_deref(), Some(&b"Ada's\n"[..]));
    assert_eq!(liv.read("README.md").as_deref(), Some("Liv's\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_a_config_is_refused_before_anything_is_sent() {
    let stack = Stack::start().await;
    let directory = Directory::init();
    let again = finished(ade(&["configs", "init", directory.name()]), 2);
    assert!(again.contains("is not empty"), "{again}");
    std::os::unix::fs::symlink("/etc/hostname", directory.path.join("link.txt")).unwrap();
    let push = |more: &[&str]| finished(command(&stack, &[&["configs", "push", directory.name()], more].concat()), 2);
    assert!(push(&["--new", "x"]).contains("link.txt is not a plain file"));
    directory.remove("link.txt");
    directory.write("large.py", &"#".repeat((512 << 10) + 1));
    assert!(push(&["--new", "x"]).contains("large.py has more than 512 KiB"));
    directory.remove("large.py");
    assert!(push(&["--config", "nobody"]).contains("there is no config \"nobody\""));
    assert_eq!(lines(&stack, &["configs", "list", "--json"]), Vec::<Value>::new(), "nothing was made");
    let nowhere = finished(command(&stack, &["configs", "push", Path::new(directory.name()).join("none").to_str().unwrap()]), 2);
    assert!(nowhere.contains("is not a directory"), "{nowhere}");
    let mut unnamed = command(&stack, &["configs", "show"]);
    unnamed.current_dir(&directory.path);
    assert!(finished(unnamed, 2).contains("this directory belongs to no config"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_config_goes_into_an_archive_and_comes_out_of_one() {
    let stack = Stack::start().await;
    let directory = Directory::init();
    directory.write("notes.md", "Ours.\n");
    let config = pushed(&stack, &directory);
    let out = tempfile::tempdir().unwrap();
    let file = |name: &str| out.path().join(name).to_str().unwrap().to_owned();
    let archive = file("orders.zip");
    assert!(says(&stack, &["configs", "export", &config, "--out", &archive]).contains("orders.zip"));
    let again = finished(command(&stack, &["configs", "export", &config, "--out", &archive]), 2);
    assert!(again.contains("is there already") && again.contains("--force"), "{again}");
    says(&stack, &["configs", "export", &config, "--out", &archive, "--force"]);

    let copy = lines(&stack, &["configs", "import", &archive, "--new", "From an archive", "--json"]).remove(0);
    let copy = copy["id"].as_str().unwrap().to_owned();
    assert_eq!(draft_file(&stack, &copy, "notes.md").await.as_deref(), Some(&b"Ours.\n"[..]));
    let clone = lines(&stack, &["configs", "clone", &config, "A clone", "--json"]).remove(0);
    assert_eq!(draft_file(&stack, clone["id"].as_str().unwrap(), "notes.md").await.as_deref(), Some(&b"Ours.\n"[..]));

    // The whole draft is replaced: what the archive lacks is gone.
    directory.write("notes.md", "Changed.\n");
    directory.write("more.md", "More.\n");
    moved(&stack, &["configs", "push", directory.name()]);
    assert!(says(&stack, &["configs", "import", &archive, "--config", "Orders"]).contains("orders.zip"));
    assert_eq!(draft_file(&stack, &config, "notes.md").await.as_deref(), Some(&b"Ours.\n"[..]));
    assert_eq!(draft_file(&stack, &config, "more.md").await, None);

    std::fs::write(file("broken.zip"), "no archive").unwrap();
    let refused = finished(command(&stack, &["configs", "import", &file("broken.zip"), "--config", "Orders"]), 1);
    assert!(refused.contains("archive") && refused.contains("hint"), "{refused}");
    assert_eq!(draft_file(&stack, &config, "notes.md").await.as_deref(), Some(&b"Ours.\n"[..]));
    let none = finished(command(&stack, &["configs", "import", &file("none.zip"), "--config", "Orders"]), 2);
    assert!(none.contains("does not exist"), "{none}");
}
