//! A conditional change of one item, written as what is set, removed and required instead of as expression strings.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure, Update as TransactUpdate};
use serde::Serialize;

use super::{Item, StoreError};

/// A conditional update under construction. Attribute names always go through placeholders, so reserved words are safe.
#[derive(Debug, Clone)]
pub struct Update {
    table: String,
    key: Item,
    sets: Vec<String>,
    removes: Vec<String>,
    conditions: Vec<String>,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Update {
    /// An update of the item with `key` in `table`, which must exist: an update never creates an item.
    pub fn new(table: &str, key: Item) -> Self {
        let mut update = Self {
            table: table.to_owned(),
            sets: Vec::new(),
            removes: Vec::new(),
            conditions: Vec::new(),
            names: HashMap::new(),
            values: HashMap::new(),
            key: HashMap::new(),
        };
        for name in key.keys() {
            let name = update.name(name);
            update.conditions.push(format!("attribute_exists({name})"));
        }
        update.key = key;
        update
    }

    /// Sets an attribute.
    pub fn set(mut self, name: &str, value: impl Serialize) -> Result<Self, StoreError> {
        let (name, value) = (self.name(name), self.value(value)?);
        self.sets.push(format!("{name} = {value}"));
        Ok(self)
    }

    /// Sets an attribute for each field of a structure that has a value.
    pub fn set_all(self, fields: &impl Serialize) -> Result<Self, StoreError> {
        let fields: Item = serde_dynamo::to_item(fields)?;
        Ok(fields.into_iter().fold(self, |mut update, (name, value)| {
            let (name, placeholder) = (update.name(&name), update.placeholder(value));
            update.sets.push(format!("{name} = {placeholder}"));
            update
        }))
    }

    /// Sets an attribute, or removes it when there is no value.
    pub fn set_or_remove(self, name: &str, value: Option<impl Serialize>) -> Result<Self, StoreError> {
        match value {
            Some(value) => self.set(name, value),
            None => Ok(self.remove(name)),
        }
    }

    /// Appends one element to a list attribute, which is made when missing.
    pub fn append(mut self, name: &str, element: impl Serialize) -> Result<Self, StoreError> {
        let (name, element) = (self.name(name), self.value([element])?);
        let empty = self.value(Vec::<u8>::new())?;
        self.sets.push(format!("{name} = list_append(if_not_exists({name}, {empty}), {element})"));
        Ok(self)
    }

    /// Removes an attribute.
    #[must_use]
    pub fn remove(mut self, name: &str) -> Self {
        let name = self.name(name);
        self.removes.push(name);
        self
    }

    /// Requires an attribute to equal a value.
    pub fn when_equals(mut self, name: &str, value: impl Serialize) -> Result<Self, StoreError> {
        let (name, value) = (self.name(name), self.value(value)?);
        self.conditions.push(format!("{name} = {value}"));
        Ok(self)
    }

    /// Requires an attribute to be smaller than a value.
    pub fn when_less(mut self, name: &str, value: impl Serialize) -> Result<Self, StoreError> {
        let (name, value) = (self.name(name), self.value(value)?);
        self.conditions.push(format!("{name} < {value}"));
        Ok(self)
    }

    /// Requires an attribute to be missing.
    #[must_use]
    pub fn when_missing(mut self, name: &str) -> Self {
        let name = self.name(name);
        self.conditions.push(format!("attribute_not_exists({name})"));
        self
    }

    /// Makes the change and returns the item as it is now. A failed condition carries the item as it was.
    pub async fn send(self, client: &Client) -> Result<Item, StoreError> {
        let answer = client
            .update_item()
            .table_name(&self.table)
            .update_expression(self.expression())
            .condition_expression(self.conditions.join(" AND "))
            .set_expression_attribute_values((!self.values.is_empty()).then_some(self.values))
            .set_expression_attribute_names(Some(self.names))
            .set_key(Some(self.key))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match answer {
            Ok(output) => Ok(output.attributes.unwrap_or_default()),
            Err(SdkError::ServiceError(service)) => match service.into_err() {
                UpdateItemError::ConditionalCheckFailedException(failed) => Err(StoreError::Condition(failed.item.map(Box::new))),
                other => Err(StoreError::from_sdk("UpdateItem", SdkError::<_, ()>::service_error(other, ()))),
            },
            Err(other) => Err(StoreError::from_sdk("UpdateItem", other)),
        }
    }

    /// The change as a part of a transaction.
    pub fn into_transaction(self) -> Result<TransactUpdate, StoreError> {
        TransactUpdate::builder()
            .table_name(&self.table)
            .update_expression(self.expression())
            .condition_expression(self.conditions.join(" AND "))
            .set_expression_attribute_values((!self.values.is_empty()).then_some(self.values))
            .set_expression_attribute_names(Some(self.names))
            .set_key(Some(self.key))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(|error| StoreError::Corrupt(error.to_string()))
    }

    fn expression(&self) -> String {
        let mut parts = Vec::new();
        if !self.sets.is_empty() {
            parts.push(format!("SET {}", self.sets.join(", ")));
        }
        if !self.removes.is_empty() {
            parts.push(format!("REMOVE {}", self.removes.join(", ")));
        }
        parts.join(" ")
    }

    fn name(&mut self, name: &str) -> String {
        let placeholder = format!("#{name}");
        self.names.insert(placeholder.clone(), name.to_owned());
        placeholder
    }

    fn value(&mut self, value: impl Serialize) -> Result<String, StoreError> {
        let value = serde_dynamo::to_attribute_value(value)?;
        Ok(self.placeholder(value))
    }

    fn placeholder(&mut self, value: AttributeValue) -> String {
        let placeholder = format!(":v{}", self.values.len());
        self.values.insert(placeholder.clone(), value);
        placeholder
    }
}
