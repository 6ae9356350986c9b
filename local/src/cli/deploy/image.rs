//! The image of the executor and the builder.

use std::path::Path;
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::build::{Build, run};
use super::cloud::Cloud;
use crate::cli::CliError;

/// Where the image says what its base environment is.
const BASE_JSON: &str = "/opt/ade/base/base.json";

/// How many images the registry keeps. A function runs one of the newest, unless somebody chose an older one.
const KEPT_IMAGES: u32 = 10;

/// What to do when the registry lets nobody in.
const MAY_PUSH: &str = "check that these AWS credentials may push to ECR, and that the tool's own sign-in works";

/// The image as this machine has built it.
pub(super) struct Image<'a> {
    cloud: &'a Cloud,
    /// docker or podman.
    tool: &'static str,
    /// Its name here.
    local: String,
    repository: String,
    /// What it is, as a tag: of the same content is the same image.
    tag: String,
    /// What its base environment is.
    pub(super) base_digest: String,
}

impl<'a> Image<'a> {
    /// Builds the image. Nothing leaves this machine.
    pub(super) fn build(cloud: &'a Cloud, root: &Path, build: &Build, stack: &str, architecture: &str) -> Result<Self, CliError> {
        #[derive(Deserialize)]
        struct Base {
            digest: String,
        }
        let tool = ["docker", "podman"].into_iter().find(|tool| works(tool)).ok_or_else(|| {
            CliError::usage("neither docker nor podman works here; one of them builds the executor's image").hint("install and start one")
        })?;
        let repository = repository(stack);
        let local = format!("{repository}:latest");
        println!("Building the executor's image with {tool}");
        let platform = if architecture == "arm64" { "linux/arm64" } else { "linux/amd64" };
        let mut image = Command::new(root.join("local/dev/image"));
        run(image.arg(build.directory()).args([&local, "--platform", platform]).env("BUILDER", tool).current_dir(root))?;
        let base = output(Command::new(tool).args(["run", "--rm", "--platform", platform, "--entrypoint", "cat", &local, BASE_JSON]))?;
        let base: Base = serde_json::from_str(&base).map_err(|error| {
            CliError::failed(format!("{BASE_JSON} in the image is not readable: {error}")).hint("build the image again")
        })?;
        let id = output(Command::new(tool).args(["image", "inspect", "--format", "{{.Id}}", &local]))?;
        let tag = id.trim().trim_start_matches("sha256:").to_owned();
        Ok(Self { cloud, tool, local, repository, tag, base_digest: base.digest })
    }

    /// What the stack will call the image: by digest when the registry has it, by its tag when it is to be pushed yet.
    pub(super) fn planned(&self) -> Result<String, CliError> {
        Ok(self.pushed()?.unwrap_or_else(|| self.tagged()))
    }

    /// Pushes the image to the account's registry, unless it is there; its name by digest, so that a deployment is exactly what was built.
    pub(super) fn push(&self) -> Result<String, CliError> {
        self.make_repository()?;
        if let Some(image) = self.pushed()? {
            return Ok(image);
        }
        println!("Pushing the image to {}", self.registry());
        log_in(self.tool, &self.registry(), &output(&mut self.ecr(&["get-login-password"]))?)?;
        run(Command::new(self.tool).args(["tag", &self.local, &self.tagged()]))?;
        run(Command::new(self.tool).args(["push", &self.tagged()]))?;
        let lost = || CliError::failed(format!("the registry does not have {} after the push", self.tagged())).hint("deploy again");
        self.pushed()?.ok_or_else(lost)
    }

    /// The image in the registry, by its digest.
    fn pushed(&self) -> Result<Option<String>, CliError> {
        let tag = format!("imageTag={}", self.tag);
        let mut describe = self.ecr(&["describe-images", "--repository-name", &self.repository, "--image-ids", &tag]);
        let digest = found(describe.args(["--query", "imageDetails[0].imageDigest", "--output", "text"]))?;
        Ok(digest.map(|digest| format!("{}/{}@{}", self.registry(), self.repository, digest.trim())))
    }

    /// Makes the repository when it is not there. A tag names one image for ever, and old images go.
    fn make_repository(&self) -> Result<(), CliError> {
        if found(&mut self.ecr(&["describe-repositories", "--repository-names", &self.repository]))?.is_none() {
            let options = ["--image-scanning-configuration", "scanOnPush=true", "--image-tag-mutability", "IMMUTABLE"];
            output(self.ecr(&["create-repository", "--repository-name", &self.repository]).args(options))?;
        }
        let selection = serde_json::json!({ "tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": KEPT_IMAGES });
        let rule = serde_json::json!({ "rulePriority": 1, "selection": selection, "action": { "type": "expire" } });
        let policy = serde_json::json!({ "rules": [rule] }).to_string();
        output(self.ecr(&["put-lifecycle-policy", "--repository-name", &self.repository, "--lifecycle-policy-text"]).arg(policy)).map(drop)
    }

    fn registry(&self) -> String {
        format!("{}.dkr.ecr.{}.amazonaws.com", self.cloud.account, self.cloud.region)
    }

    fn tagged(&self) -> String {
        format!("{}/{}:{}", self.registry(), self.repository, self.tag)
    }

    fn ecr(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("aws");
        command.arg("ecr").args(arguments).args(["--region", &self.cloud.region]);
        command
    }
}

/// The repository of a stack's images.
pub(super) fn repository(stack: &str) -> String {
    format!("{stack}-executor")
}

fn works(tool: &str) -> bool {
    Command::new(tool).arg("info").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// What a command prints.
fn output(command: &mut Command) -> Result<String, CliError> {
    let (name, output) = outcome(command.stderr(Stdio::inherit()))?;
    if !output.status.success() {
        return Err(CliError::failed(format!("{name} failed ({})", output.status)).hint("what it printed says why"));
    }
    text(&name, output.stdout)
}

/// What `aws` prints about something, or that there is no such thing.
fn found(command: &mut Command) -> Result<Option<String>, CliError> {
    let (name, output) = outcome(command.stderr(Stdio::piped()))?;
    if output.status.success() {
        return text(&name, output.stdout).map(Some);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    if ["RepositoryNotFoundException", "ImageNotFoundException"].iter().any(|missing| said.contains(missing)) {
        return Ok(None);
    }
    Err(CliError::failed(format!("{name} failed ({}): {}", output.status, said.trim()))
        .hint("check what these AWS credentials may do; docs/deployment.md says what they need"))
}

fn outcome(command: &mut Command) -> Result<(String, std::process::Output), CliError> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .output()
        .map_err(|error| CliError::failed(format!("cannot run {name}: {error}")).hint("install it, and have it in PATH"))?;
    Ok((name, output))
}

fn text(name: &str, printed: Vec<u8>) -> Result<String, CliError> {
    String::from_utf8(printed).map_err(|_| CliError::fault(format!("{name} printed what is not text")))
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
