use ade_core::access::Permission;

use super::Workspace;
use crate::edge::{Answer, Call, List, PageQuery, ok};

/// List workspaces
///
/// Those that the key may see, newest first: all of them for a system admin, and for every other key its own.
#[utoipa::path(
    get,
    path = "/workspaces",
    operation_id = "list-workspaces",
    tag = "Workspaces",
    params(PageQuery),
    responses((status = 200, description = "A page of workspaces.", body = List<Workspace>))
)]
pub async fn list_workspaces(call: Call) -> Answer {
    let page = call.request.query::<PageQuery>()?.request()?;
    let workspaces = &call.ade().workspaces;
    let Some(own) = call.principal.workspace else {
        return ok(&List::of(workspaces.list(page).await?, Workspace::from));
    };
    let own = call.allow(Permission::WorkspaceRead, workspaces.get(own).await?)?;
    ok(&List::new(vec![Workspace::from(own)], None))
}
