use ade_core::access::Permission;
use ade_core::config::ListConfigs;
use ade_core::id::WorkspaceId;
use futures::{StreamExt as _, TryStreamExt as _};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Config, ConfigStatus, shown};
use crate::edge::page::page_request;
use crate::edge::{Answer, Call, Checks, List, ok};
use crate::workspaces::NAME_LIMIT;

/// How many configs are completed at the same time.
const CONCURRENT: usize = 16;

/// Which configs are wanted; conditions add up.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListConfigsQuery {
    /// Whose name contains this, in any case.
    #[param(max_length = 120)]
    pub q: Option<String>,
    /// With this status.
    #[param(inline)]
    pub status: Option<ConfigStatus>,
    /// Most items of the page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    #[serde(deserialize_with = "crate::edge::body::not_empty")]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// List configs
///
/// The configs of a workspace, newest first. With conditions, a page may be short and still have a next one.
#[utoipa::path(
    get,
    path = "/workspaces/{workspace_id}/configs",
    operation_id = "list-configs",
    tag = "Configs",
    params(("workspace_id" = WorkspaceId, Path, description = "The workspace."), ListConfigsQuery),
    responses((status = 200, description = "A page of configs.", body = List<Config>))
)]
pub async fn list_configs(call: Call) -> Answer {
    let workspace = call.workspace(Permission::ConfigsRead).await?;
    let query: ListConfigsQuery = call.request.query()?;
    let page = page_request(query.limit, query.cursor.as_deref())?;
    Checks::new().at_most("q", query.q.as_deref().unwrap_or_default(), NAME_LIMIT).finish()?;
    let wanted = ListConfigs { name_contains: query.q, built: query.status.map(|status| status == ConfigStatus::Active) };
    let found = call.ade().configs.list(workspace.workspace_id, &wanted, page).await?;
    let configs = futures::stream::iter(found.items.into_iter().map(|config| shown(&call, config)));
    let configs = configs.buffered(CONCURRENT).try_collect().await?;
    ok(&List::new(configs, found.next.map(|cursor| cursor.encode())))
}
