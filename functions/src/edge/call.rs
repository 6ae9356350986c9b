//! What a handler gets: the request, who makes it, and the core.

use std::fmt::Display;
use std::sync::{Arc, OnceLock};

use ade_core::Ade;
use ade_core::access::{Permission, Principal, Role};
use ade_core::build::Build;
use ade_core::config::Config;
use ade_core::dispatch::Dispatcher;
use ade_core::document::Document;
use ade_core::id::{ConfigId, WorkspaceId};
use ade_core::idempotency::Mark;
use ade_core::run::Run;
use ade_core::workspace::Workspace;
use ade_invoke::LambdaDispatcher;

use super::oidc::Oidc;
use super::{Problem, Request};

/// What a function makes once and keeps between requests.
pub struct App {
    /// The core.
    pub ade: Ade,
    dispatcher: OnceLock<Arc<LambdaDispatcher>>,
    /// Access tokens of the identity provider, where there is one.
    pub(super) oidc: Option<Oidc>,
}

impl App {
    /// Around a connected core.
    pub fn new(ade: Ade) -> Self {
        let oidc = Oidc::new(&ade.settings);
        Self { ade, dispatcher: OnceLock::new(), oidc }
    }

    /// The way to the executor and the builder; connected on first use, because most functions never call them.
    pub fn dispatcher(&self) -> Arc<LambdaDispatcher> {
        Arc::clone(self.dispatcher.get_or_init(|| Arc::new(LambdaDispatcher::connect(&self.ade.settings))))
    }
}

/// A request by somebody who has signed in.
pub struct Call {
    /// What the function keeps between requests.
    pub app: Arc<App>,
    /// Who asks.
    pub principal: Principal,
    /// What is asked.
    pub request: Request,
    /// That it is this request's turn, when it carries an `Idempotency-Key`.
    pub mark: Option<Mark>,
}

impl Call {
    /// The core.
    pub fn ade(&self) -> &Ade {
        &self.app.ade
    }

    /// The way to the executor and the builder.
    pub fn dispatcher(&self) -> Arc<dyn Dispatcher> {
        self.app.dispatcher()
    }

    /// Lets a record through that exists and that the caller may do this with. To everybody else it does not exist.
    pub fn allow<R: Owned>(&self, permission: Permission, record: Option<R>) -> Result<R, Problem> {
        let record = record.ok_or_else(|| Problem::no_such(R::KIND))?;
        self.note("workspace_id", record.workspace());
        match self.principal.require(permission, record.workspace()) {
            Ok(()) => Ok(record),
            Err(denied) => Err(Problem::denied(denied, R::KIND)),
        }
    }

    /// The workspace that the path names, if it exists and the caller may do this in it.
    pub async fn workspace(&self, permission: Permission) -> Result<Workspace, Problem> {
        let id = self.request.id_in_path("workspace_id")?;
        self.principal.require(permission, id).map_err(|denied| Problem::denied(denied, Workspace::KIND))?;
        self.note("workspace_id", id);
        self.ade().workspaces.get(id).await?.ok_or_else(|| Problem::no_such(Workspace::KIND))
    }

    /// What the caller is in a workspace.
    pub fn role(&self, workspace: &Workspace) -> Result<Role, Problem> {
        self.principal.role(workspace.workspace_id).map_err(|denied| Problem::denied(denied, Workspace::KIND))
    }

    /// The config that the path names together with its workspace.
    pub async fn config_in_workspace(&self, permission: Permission) -> Result<Config, Problem> {
        let workspace: WorkspaceId = self.request.id_in_path("workspace_id")?;
        let config: ConfigId = self.request.id_in_path("config_id")?;
        let config = self.ade().configs.get(config).await?.filter(|config| config.workspace_id == workspace);
        self.allow(permission, config)
    }

    /// Names a record on every log line of this request.
    pub fn note(&self, field: &'static str, value: impl Display) {
        tracing::Span::current().record(field, tracing::field::display(value));
    }
}

/// A record that belongs to a workspace.
pub trait Owned {
    /// What it is called, in errors.
    const KIND: &'static str;

    /// Its workspace.
    fn workspace(&self) -> WorkspaceId;
}

macro_rules! owned {
    ($($record:ty, $kind:literal;)+) => {$(
        impl Owned for $record {
            const KIND: &'static str = $kind;

            fn workspace(&self) -> WorkspaceId {
                self.workspace_id
            }
        }
    )+};
}

owned! {
    Workspace, "workspace";
    Config, "config";
    Document, "document";
    Build, "build";
    Run, "run";
}
