use ade_core::access::{Access, Role};
use ade_core::store::StoreError;
use futures::future::try_join_all;

use super::Workspace;
use crate::edge::{Answer, Call, List, PageQuery, ok};

/// List workspaces
///
/// Those that the caller may see, newest first: all of them for a system admin, the key's own, or those that a person is a member of.
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
    match &call.principal.access {
        Access::System => ok(&List::of(workspaces.list(page).await?, |record| Workspace::new(record, Role::SystemAdmin))),
        // Few, so they are one page. Ids sort by age.
        Access::Workspaces(roles) => {
            let own =
                try_join_all(roles.iter().rev().map(async |(id, role)| Ok::<_, StoreError>((workspaces.get(*id).await?, *role)))).await?;
            ok(&List::new(own.into_iter().filter_map(|(record, role)| Some(Workspace::new(record?, role))).collect(), None))
        }
    }
}
