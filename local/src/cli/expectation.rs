//! Whether a clean workbook holds exactly the rows it must hold: no row lost, none invented, none changed.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::sheet::{Row, Sheet, trimmed};

/// The tables that a clean workbook must have.
#[derive(Debug, Deserialize)]
pub(super) struct Expectation {
    tables: Vec<ExpectedTable>,
}

#[derive(Debug, Deserialize)]
struct ExpectedTable {
    sheet: String,
    header: Vec<String>,
    rows: Vec<Row>,
}

/// How much was compared.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Equal {
    /// Tables.
    pub(super) tables: usize,
    /// Rows of data.
    pub(super) rows: usize,
}

impl Expectation {
    /// Compares, table by table, the rows as multisets: each as often as expected, in any order. The error says what differs.
    pub(super) fn compare(&self, sheets: &[Sheet]) -> Result<Equal, Vec<String>> {
        let mut differences = Vec::new();
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        for table in &self.tables {
            let rows = sheets.iter().find(|sheet| sheet.name == table.sheet).map_or(&[][..], |sheet| &sheet.rows);
            let place = places.entry(&table.sheet).or_default();
            match rows[*place..].iter().position(|row| is_header(row, &table.header)) {
                None => differences.push(format!("sheet {}: no table with the columns {}", table.sheet, table.header.join(", "))),
                Some(offset) => {
                    let start = *place + offset + 1;
                    let end = rows[start..].iter().position(|row| self.is_any_header(row)).map_or(rows.len(), |next| start + next);
                    *place = end;
                    differences.extend(table.compare(&rows[start..end]));
                }
            }
        }
        if differences.is_empty() {
            Ok(Equal { tables: self.tables.len(), rows: self.tables.iter().map(|table| table.rows.len()).sum() })
        } else {
            Err(differences)
        }
    }

    fn is_any_header(&self, row: &Row) -> bool {
        self.tables.iter().any(|table| is_header(row, &table.header))
    }
}

impl ExpectedTable {
    fn compare(&self, rows: &[Row]) -> Vec<String> {
        let mut balance: BTreeMap<String, i64> = BTreeMap::new();
        let text = |row: &Row| Value::from(trimmed(row.clone())).to_string();
        for row in &self.rows {
            *balance.entry(text(row)).or_default() += 1;
        }
        for row in rows.iter().filter(|row| !row.is_empty()) {
            *balance.entry(text(row)).or_default() -= 1;
        }
        let unequal = balance.into_iter().filter(|(_, count)| *count != 0);
        unequal
            .map(|(row, count)| {
                let what = if count > 0 { "missing" } else { "unexpected" };
                format!("sheet {}: {what} {} times: {row}", self.sheet, count.abs())
            })
            .collect()
    }
}

fn is_header(row: &Row, header: &[String]) -> bool {
    row.len() == header.len() && row.iter().zip(header).all(|(value, name)| value == name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn expectation() -> Expectation {
        serde_json::from_value(json!({ "tables": [
            { "sheet": "A", "header": ["x", "y"], "rows": [[1, null], [2, "b"], [2, "b"]] },
            { "sheet": "A", "header": ["z"], "rows": [[{ "datetime": "2026-01-01T00:00:00" }]] },
        ] }))
        .unwrap()
    }

    fn sheet(rows: Value) -> Vec<Sheet> {
        vec![Sheet { name: "A".into(), rows: serde_json::from_value(rows).unwrap() }]
    }

    #[test]
    fn order_does_not_matter_and_blank_rows_are_no_data() {
        let rows = json!([["x", "y"], [2, "b"], [], [1], [2, "b"], [], ["z"], [{ "datetime": "2026-01-01T00:00:00" }]]);
        assert_eq!(expectation().compare(&sheet(rows)), Ok(Equal { tables: 2, rows: 4 }));
    }

    #[test]
    fn a_lost_duplicate_and_a_changed_type_are_told() {
        let rows = json!([["x", "y"], ["1"], [2, "b"], ["z"], ["2026-01-01"]]);
        let differences = expectation().compare(&sheet(rows)).unwrap_err();
        assert_eq!(differences.len(), 5, "{differences:?}");
        assert!(differences.contains(&"sheet A: missing 1 times: [2,\"b\"]".to_owned()), "{differences:?}");
    }

    #[test]
    fn a_missing_table_is_told() {
        let differences = expectation().compare(&sheet(json!([["x", "y"], [1], [2, "b"], [2, "b"]]))).unwrap_err();
        assert_eq!(differences, ["sheet A: no table with the columns z"]);
    }

    #[test]
    fn the_shipped_expectation_is_readable() {
        let expectation: Expectation = serde_json::from_str(super::super::demo::EXPECTED).unwrap();
        assert!(expectation.tables.iter().all(|table| table.rows.iter().all(|row| row.len() == table.header.len())));
    }
}
