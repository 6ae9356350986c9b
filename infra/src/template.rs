//! The whole template.

use serde_json::Value;

use crate::InfraError;
use crate::functions::functions;
use crate::tables::tables;

/// The part that is written by hand.
const STACK: &str = include_str!("../stack.yaml");

/// The SAM template.
pub fn template() -> Result<Value, InfraError> {
    let mut template: Value = serde_saphyr::from_str(STACK)?;
    for (name, resource) in functions()?.into_iter().chain(tables()) {
        let resources = &mut template["Resources"];
        if !resources[&name].is_null() {
            return Err(InfraError::Twice(name));
        }
        resources[name] = resource;
    }
    Ok(template)
}
