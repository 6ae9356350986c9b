//! The whole template.

use serde_json::{Map, Value};

use crate::functions::{endpoint_policy, functions};
use crate::settings::{parameters, variables};
use crate::tables::tables;
use crate::{InfraError, logical_name, operations::WORKERS};

/// The part that is written by hand.
const STACK: &str = include_str!("../stack.yaml");

/// The endpoints of the executor's network, and the service behind each as permissions name it.
const ENDPOINTS: [(&str, &str); 3] = [("S3Endpoint", "s3:"), ("DynamoDbEndpoint", "dynamodb:"), ("LambdaEndpoint", "lambda:")];

/// The SAM template.
pub fn template() -> Result<Value, InfraError> {
    let mut template: Value = serde_saphyr::from_str(STACK)?;
    add(&mut template["Parameters"], parameters()?)?;
    let resources = &mut template["Resources"];
    for (endpoint, service) in ENDPOINTS {
        resources[endpoint]["Properties"]["PolicyDocument"] = endpoint_policy(service)?;
    }
    for worker in WORKERS {
        let function = &mut resources[format!("{}Function", logical_name(worker))];
        add(&mut function["Properties"]["Environment"]["Variables"], variables(true))?;
    }
    add(resources, functions()?)?;
    add(resources, tables())?;
    add(&mut template["Globals"]["Function"]["Environment"]["Variables"], variables(false))?;
    Ok(template)
}

/// Adds what is derived to what is written by hand.
fn add(written: &mut Value, derived: Map<String, Value>) -> Result<(), InfraError> {
    for (name, value) in derived {
        if !written[&name].is_null() {
            return Err(InfraError::Twice(name));
        }
        written[name] = value;
    }
    Ok(())
}
