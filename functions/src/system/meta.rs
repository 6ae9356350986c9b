use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::edge::object::object_name;
use crate::edge::{Answer, Call, ok};

object_name!(MetaObject, "ade.meta");

/// What is running here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Meta {
    /// Always `ade.meta`.
    pub object: MetaObject,
    /// The version of the API.
    #[schema(example = "1")]
    pub api_version: String,
    /// The version of ADE and of its engine, which are released as one.
    #[schema(example = "0.1.0")]
    pub version: String,
    /// The engine of new builds, when it is another one than ADE's own.
    #[schema(example = "ade-engine==1.9.8")]
    pub engine_spec: Option<String>,
    /// The commit that this was built from, if its builder told.
    #[schema(example = "5d36d60c6a1f4b7f6f0d0b2f4c1d8a9e3b7c6d5e")]
    pub commit: Option<String>,
}

/// Tell what is running
///
/// Anybody who has signed in may ask.
#[utoipa::path(
    get,
    path = "/meta",
    operation_id = "get-meta",
    tag = "System",
    responses((status = 200, description = "Versions.", body = Meta))
)]
#[expect(clippy::unused_async, reason = "handlers are async functions")]
pub async fn get_meta(call: Call) -> Answer {
    ok(&Meta {
        object: MetaObject::Name,
        api_version: "1".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        engine_spec: call.ade().settings.engine_spec.clone(),
        commit: option_env!("ADE_COMMIT").map(str::to_owned),
    })
}
