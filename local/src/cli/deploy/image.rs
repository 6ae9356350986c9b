//! The image of the executor and the builder.

use std::path::Path;
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::build::{Build, run};
use super::cloud::Cloud;
use crate::cli::CliError;

/// Where the image says what its base environment is.
const BASE_JSON: &str = "/opt/ade/base/base.json";

/// What to do when the registry lets nobody in.
const MAY_PUSH: &str = "check that these AWS credentials may push to ECR, and that the tool's own sign-in works";

/// Builds the image, pushes it to the account's registry, and returns the parameters that name it.
pub(super) fn make(cloud: &Cloud, root: &Path, build: &Build, stack: &str, architecture: &str) -> Result<Vec<(String, String)>, CliError> {
    #[derive(Deserialize)]
    struct Base {
        digest: String,
    }
    let tool = ["docker", "podman"].into_iter().find(|tool| works(tool)).ok_or_else(|| {
        CliError::usage("neither docker nor podman works here; one of them builds the executor's image").hint("install and start one")
    })?;
    let registry = format!("{}.dkr.ecr.{}.amazonaws.com", cloud.account, cloud.region);
    let (repository, tag) = (format!("{stack}-executor"), format!("{registry}/{stack}-executor:latest"));
    println!("Building the executor's image with {tool}");
    let platform = if architecture == "arm64" { "linux/arm64" } else { "linux/amd64" };
    let mut image = Command::new(root.join("local/dev/image"));
    run(image.arg(build.directory()).args([&tag, "--platform", platform]).env("BUILDER", tool).current_dir(root))?;
    let base = output(Command::new(tool).args(["run", "--rm", "--platform", platform, "--entrypoint", "cat", &tag, BASE_JSON]))?;
    let base: Base = serde_json::from_str(&base)
        .map_err(|error| CliError::failed(format!("{BASE_JSON} in the image is not readable: {error}")).hint("build the image again"))?;

    println!("Pushing the image to {registry}");
    let aws = |arguments: &[&str]| {
        let mut command = Command::new("aws");
        command.args(arguments).args(["--region", &cloud.region]);
        command
    };
    let known =
        aws(&["ecr", "describe-repositories", "--repository-names", &repository]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !known.is_ok_and(|status| status.success()) {
        run(aws(&["ecr", "create-repository", "--repository-name", &repository, "--image-scanning-configuration", "scanOnPush=true"])
            .stdout(Stdio::null()))?;
    }
    log_in(tool, &registry, &output(&mut aws(&["ecr", "get-login-password"]))?)?;
    run(Command::new(tool).args(["push", &tag]))?;
    // By digest, so that a deployment is exactly what was built.
    let digest = output(aws(&["ecr", "describe-images", "--repository-name", &repository, "--image-ids", "imageTag=latest"]).args([
        "--query",
        "imageDetails[0].imageDigest",
        "--output",
        "text",
    ]))?;
    let image = format!("{registry}/{repository}@{}", digest.trim());
    Ok(vec![("ExecutorImage".to_owned(), image), ("BaseDigest".to_owned(), base.digest)])
}

fn works(tool: &str) -> bool {
    Command::new(tool).arg("info").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// What a command prints.
fn output(command: &mut Command) -> Result<String, CliError> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| CliError::failed(format!("cannot run {name}: {error}")).hint("install it, and have it in PATH"))?;
    if !output.status.success() {
        return Err(CliError::failed(format!("{name} failed ({})", output.status)).hint("what it printed says why"));
    }
    String::from_utf8(output.stdout).map_err(|_| CliError::fault(format!("{name} printed what is not text")))
}

/// Signs in at the registry; the password goes through a pipe and not through the list of processes.
fn log_in(tool: &str, registry: &str, password: &str) -> Result<(), CliError> {
    use std::io::Write as _;
    let cannot = |error: std::io::Error| CliError::failed(format!("cannot sign in at {registry}: {error}")).hint(MAY_PUSH);
    let mut login = Command::new(tool)
        .args(["login", "--username", "AWS", "--password-stdin", registry])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .map_err(cannot)?;
    if let Some(mut input) = login.stdin.take() {
        input.write_all(password.trim().as_bytes()).map_err(cannot)?;
    }
    let status = login.wait().map_err(cannot)?;
    if status.success() { Ok(()) } else { Err(CliError::failed(format!("cannot sign in at {registry}")).hint(MAY_PUSH)) }
}
