//! `docs/openapi.json`, and whether an answer keeps what it promises.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use http::Method;
use jsonschema::Validator;
use serde_json::{Value, json};

/// The API's description and the validators made from it so far.
pub(super) struct Contract {
    document: Value,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

/// One operation of the API.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    pub(super) id: String,
    pub(super) method: Method,
    /// Its path below the API's base, with `{parameters}`.
    pub(super) path: String,
    description: Value,
}

impl Contract {
    pub(super) fn read() -> Self {
        let document = serde_json::from_str(include_str!("../../../../docs/openapi.json")).unwrap();
        Self { document, validators: Mutex::default() }
    }

    /// A schema that has a name.
    pub(super) fn schema(&self, name: &str) -> &Value {
        &self.document["components"]["schemas"][name]
    }

    /// The groups of operations, in their order.
    pub(super) fn tags(&self) -> Vec<&str> {
        self.document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect()
    }

    pub(super) fn operations(&self) -> Vec<Operation> {
        let mut operations = Vec::new();
        for (path, methods) in self.document["paths"].as_object().unwrap() {
            for method in ["get", "put", "post", "delete", "patch"] {
                let Some(description) = methods.get(method) else { continue };
                operations.push(Operation {
                    id: description["operationId"].as_str().unwrap().to_owned(),
                    method: Method::from_bytes(method.to_uppercase().as_bytes()).unwrap(),
                    path: path.clone(),
                    description: description.clone(),
                });
            }
        }
        operations
    }

    /// The operation that serves a request, if one does. `path` is below the API's base, without a query.
    pub(super) fn operation(&self, method: &Method, path: &str) -> Option<Operation> {
        let mut matching: Vec<_> = self.operations().into_iter().filter(|o| o.method == *method && o.serves(path)).collect();
        // A literal segment wins over a parameter.
        matching.sort_by_key(|operation| operation.path.matches('{').count());
        matching.into_iter().next()
    }

    /// Panics unless an answer with this status, type and body is what the operation promises.
    pub(super) fn check_answer(&self, operation: &Operation, status: u16, content_type: &str, body: &[u8]) {
        let promised = operation.answer(&self.document, status);
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        if body.is_empty() {
            return;
        }
        let schema = promised.pointer(&format!("/content/{}/schema", essence.replace('/', "~1")));
        let schema = schema.unwrap_or_else(|| panic!("{} does not promise {essence} with {status}", operation.id));
        if essence.ends_with("json") && essence != "application/x-ndjson" {
            let value = serde_json::from_slice(body).unwrap();
            self.check(&format!("{} {status} {essence}", operation.id), schema, &value);
        }
    }

    /// Panics unless `event` is an event as the operation's stream promises them.
    pub(super) fn check_event(&self, operation: &Operation, event: &Value) {
        let promised = operation.answer(&self.document, 200);
        let schema = promised.pointer("/content/application~1x-ndjson/schema");
        let schema = schema.unwrap_or_else(|| panic!("{} does not say what its lines are", operation.id));
        self.check(&format!("{} line", operation.id), schema, event);
    }

    /// Panics unless `value` is a problem, whoever answered with it.
    pub(super) fn check_problem(&self, value: &Value) {
        let schema = &json!({ "$ref": "#/components/schemas/Problem" });
        self.check("problem", schema, value);
    }

    fn check(&self, name: &str, schema: &Value, value: &Value) {
        let validator = {
            let mut validators = self.validators.lock().unwrap();
            let make = || {
                let components = self.document["components"].clone();
                Arc::new(jsonschema::validator_for(&json!({ "components": components, "allOf": [schema] })).unwrap())
            };
            Arc::clone(validators.entry(name.to_owned()).or_insert_with(make))
        };
        let errors: BTreeMap<_, _> = validator.iter_errors(value).map(|e| (e.instance_path().to_string(), e.to_string())).collect();
        assert!(errors.is_empty(), "{name} is not what docs/openapi.json says: {errors:#?}\n{value:#}");
    }
}

impl Operation {
    /// The group it is in.
    pub(super) fn tag(&self) -> &str {
        self.description["tags"][0].as_str().unwrap()
    }

    fn serves(&self, path: &str) -> bool {
        let greedy = self.description["x-ade-greedy"] == true;
        let (mut template, mut path) = (self.path.split('/'), path.split('/'));
        loop {
            match (template.next(), path.next()) {
                (None, None) => return true,
                (Some(expected), Some(segment)) if expected.starts_with('{') && !segment.is_empty() => {
                    if greedy && template.clone().next().is_none() {
                        return true;
                    }
                }
                (Some(expected), Some(segment)) if expected == segment => {}
                _ => return false,
            }
        }
    }

    /// What is promised for a status.
    fn answer<'a>(&'a self, document: &'a Value, status: u16) -> &'a Value {
        let answers = self.description["responses"].as_object().unwrap();
        let class = format!("{}XX", status / 100);
        let answer = [status.to_string().as_str(), &class, "default"].into_iter().find_map(|key| answers.get(key));
        let answer = answer.unwrap_or_else(|| panic!("{} does not promise to answer with {status}", self.id));
        match answer["$ref"].as_str() {
            Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
            None => answer,
        }
    }
}

#[test]
fn requests_find_their_operation() {
    let contract = Contract::read();
    let id = |method, path: &str| contract.operation(&method, path).map(|operation| operation.id);
    assert_eq!(id(Method::GET, "/runs/run_1").as_deref(), Some("get-run"));
    assert_eq!(id(Method::GET, "/runs/run_1/outputs/a/b.xlsx").as_deref(), Some("download-run-output"));
    assert_eq!(id(Method::GET, "/runs//logs"), None);
    assert_eq!(id(Method::DELETE, "/health"), None);
}
