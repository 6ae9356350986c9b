//! Looking into documents and outputs where they are.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use ade_local::embedded::Embedded;
use http::Method;
use serde_json::{Value, json};
use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

use super::client::Answer;
use super::faults::Proxy;
use super::fixtures::{MESSY, PEOPLE};
use super::server::{Stack, id, run_of};

async fn preview(stack: &Stack, document: &str, query: &str) -> Answer {
    stack.api.get(&format!("/documents/{document}/preview?{query}")).await
}

/// The values of a row as text, with `None` where there is none.
fn texts(row: &Value) -> Vec<Option<&str>> {
    row["cells"].as_array().unwrap().iter().map(|cell| cell["text"].as_str()).collect()
}

fn numbers(page: &Value) -> Vec<u64> {
    page["rows"].as_array().unwrap().iter().map(|row| row["number"].as_u64().unwrap()).collect()
}

/// A workbook whose parts are these; the sheets are called `Front` and `Back`.
fn workbook(sheet: &str, strings: &str) -> Vec<u8> {
    const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let root = format!(r#"<Relationships><Relationship Id="r0" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>"#);
    let book = r#"<workbook xmlns:r="r"><bookViews><workbookView activeTab="1"/></bookViews><sheets><sheet name="Back" sheetId="1" state="hidden" r:id="r1"/><sheet name="Front" sheetId="2" r:id="r2"/></sheets></workbook>"#;
    let relations = format!(
        r#"<Relationships><Relationship Id="r1" Type="{OFFICE}/worksheet" Target="worksheets/back.xml"/><Relationship Id="r2" Type="{OFFICE}/worksheet" Target="/xl/worksheets/front.xml"/></Relationships>"#
    );
    let back = "<worksheet><sheetData><row r=\"3\"><c r=\"B3\"><v>7</v></c></row></sheetData></worksheet>";
    let styles = r#"<styleSheet><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>"#;
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    // Not compressed, so that the file is as large as it looks.
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, content) in [
        ("_rels/.rels", root.as_str()),
        ("xl/workbook.xml", book),
        ("xl/_rels/workbook.xml.rels", &relations),
        ("xl/styles.xml", styles),
        ("xl/sharedStrings.xml", strings),
        ("xl/worksheets/back.xml", back),
        ("xl/worksheets/front.xml", sheet),
    ] {
        archive.start_file(name, stored).unwrap();
        archive.write_all(content.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// A sheet of so many rows: a number and a shared string of its own in each.
fn large(rows: usize) -> Vec<u8> {
    let mut sheet = format!("<worksheet><dimension ref=\"A1:B{rows}\"/><sheetData>");
    let mut strings = "<sst>".to_owned();
    for row in 1..=rows {
        let index = row - 1;
        write!(sheet, "<row r=\"{row}\"><c r=\"A{row}\"><v>{index}</v></c><c r=\"B{row}\" t=\"s\"><v>{index}</v></c></row>").unwrap();
        write!(strings, "<si><t>text number {index}, which is of some length</t></si>").unwrap();
    }
    workbook(&(sheet + "</sheetData></worksheet>"), &(strings + "</sst>"))
}

fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).fold(String::new(), |mut text, row| {
        writeln!(text, "{}", line(row)).unwrap();
        text
    })
}

#[tokio::test]
async fn the_sheets_and_rows_of_documents_are_shown() {
    let stack = Stack::start().await;
    let sheet = r#"<worksheet><sheetData>
        <row r="1"><c r="A1" t="s"><v>1</v></c><c r="C1" t="b"><v>1</v></c></row>
        <row r="2"><c r="A2" s="1"><v>45351</v></c><c r="B2"><f>1+1</f><v>2</v></c><c r="C2" t="e"><v>#N/A</v></c></row>
        <row r="4"><c r="A4" t="inlineStr"><is><t>below</t></is></c></row>
        <row r="9"><c r="A9" t="s"><v>0</v></c></row><row r="10"><c r="A10" s="1"/></row>
        </sheetData></worksheet>"#;
    let document = stack.document("Book.xlsx", &workbook(sheet, "<sst><si><t>last</t></si><si><t>Name &amp; more</t></si></sst>")).await;

    let sheets = stack.api.get(&format!("/documents/{document}/sheets")).await.expect(200);
    let told: Vec<_> = sheets["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|sheet| (sheet["name"].as_str().unwrap(), sheet["active"].as_bool().unwrap(), sheet["visibility"].as_str().unwrap()))
        .collect();
    assert_eq!(told, [("Back", false, "hidden"), ("Front", true, "visible")]);

    let page = preview(&stack, &document, "limit=4").await.expect(200);
    assert_eq!((&page["name"], &page["sheet"]["name"]), (&json!("Book.xlsx"), &json!("Front")), "the one in front");
    assert_eq!(numbers(&page), [1, 2, 3, 4]);
    let rows: Vec<_> = page["rows"].as_array().unwrap().iter().map(texts).collect();
    assert_eq!(rows[0], [Some("Name & more"), None, Some("TRUE")]);
    assert_eq!(rows[1], [Some("2024-02-29"), Some("2"), Some("#N/A")]);
    assert_eq!((rows[2].len(), &rows[3]), (0, &vec![Some("below")]));
    let kinds: Vec<_> = page["rows"][1]["cells"].as_array().unwrap().iter().map(|cell| cell["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["date", "number", "text"]);
    assert_eq!((&page["has_more"], &page["next_offset"]), (&json!(true), &json!(4)));
    let rest = preview(&stack, &document, "limit=4&offset=4").await.expect(200);
    assert_eq!((numbers(&rest), &rest["next_offset"]), (vec![], &json!(8)), "nothing but blank rows, and more below");
    let rest = preview(&stack, &document, "offset=8").await.expect(200);
    assert_eq!((numbers(&rest), texts(&rest["rows"][0])), (vec![9], vec![Some("last")]));
    assert_eq!((&rest["has_more"], &rest["next_offset"]), (&json!(false), &json!(null)), "what has a format only is no value");
    let hidden = preview(&stack, &document, "sheet=Back").await.expect(200);
    assert_eq!((texts(&hidden["rows"][2]), &hidden["row_count"]), (vec![None, Some("7")], &json!(3)));
    preview(&stack, &document, "sheet=Elsewhere").await.refused(404, "sheet_not_found");
    for query in ["limit=0", "limit=201", "offset=-1", "offset=100000001", "row=1"] {
        preview(&stack, &document, query).await.refused(422, "validation_failed");
    }

    let messy = stack.document("member-return.xlsx", MESSY).await;
    assert!(!preview(&stack, &messy, "").await.expect(200)["rows"].as_array().unwrap().is_empty());
    let pending = id(&stack.announce("later.csv", 10, None).await.expect(201));
    preview(&stack, &pending, "").await.refused(409, "document_not_ready");
    stack.api.get(&format!("/documents/{pending}/sheets")).await.refused(409, "document_not_ready");
}

#[tokio::test]
async fn text_tables_are_shown_as_the_engine_reads_them() {
    let stack = Stack::start().await;
    let latin = stack.document("Größen.csv", b"Name;Gr\xF6\xDFe\n\nAda;\"1;5\"\nLiv;2\n").await;
    let page = preview(&stack, &latin, "").await.expect(200);
    assert_eq!((&page["encoding"], &page["delimiter"], &page["row_count"]), (&json!("windows-1252"), &json!(";"), &json!(4)));
    assert_eq!((&page["sheet"]["name"], &page["column_count"]), (&json!("Größen"), &json!(2)));
    assert_eq!((texts(&page["rows"][0]), texts(&page["rows"][2])), (vec![Some("Name"), Some("Größe")], vec![Some("Ada"), Some("1;5")]));
    let utf16: Vec<u8> = "\u{FEFF}a\tb\r\n1\tä\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let page = preview(&stack, &stack.document("wide.tsv", &utf16).await, "offset=1").await.expect(200);
    assert_eq!((texts(&page["rows"][0]), numbers(&page), &page["delimiter"]), (vec![Some("1"), Some("ä")], vec![2], &json!("\t")));
    // Records across the pieces in which it is read, values that are cut, and a page that ends early for its size.
    let long = lines(300, |row| format!("{row},\"{}\"", "\"\"x\n\u{1}".repeat(3000)));
    let document = stack.document("long.csv", long.as_bytes()).await;
    let page = preview(&stack, &document, "offset=250&limit=200").await.expect(200);
    assert_eq!((numbers(&page), &page["has_more"]), ((251..=300).collect(), &json!(false)));
    assert!(page["rows"][49]["cells"][1]["text"].as_str().unwrap().ends_with('…'));
    let wide = lines(200, |_| vec!["\u{1}".repeat(200); 100].join(","));
    let document = stack.document("wide.csv", wide.as_bytes()).await;
    let (mut offset, mut seen, mut pages) = (0, Vec::new(), 0);
    loop {
        let page = preview(&stack, &document, &format!("limit=200&offset={offset}")).await.expect(200);
        seen.extend(numbers(&page));
        pages += 1;
        let Some(next) = page["next_offset"].as_u64() else { break };
        offset = next;
    }
    assert_eq!(seen, (1..=200).collect::<Vec<_>>());
    assert!(pages > 1, "an answer has a limit");
    let endless = format!("a,b\n\"{}", "x".repeat(20 << 20));
    let problem = preview(&stack, &stack.document("endless.csv", endless.as_bytes()).await, "").await.refused(422, "preview_too_large");
    assert!(problem["detail"].as_str().unwrap().contains("download it"), "it says what to do: {problem:#}");
}

#[tokio::test]
async fn the_outputs_of_a_run_are_shown() {
    let stack = Stack::start().await;
    let (config, document) = (stack.config().await, stack.document("people.csv", PEOPLE).await);
    let stream = stack.run(&config, &document).await;
    let run = run_of(&stream);
    let events = stream.rest().await;
    let path = events[events.len() - 1]["output_paths"][0].as_str().unwrap();
    let shown = stack.api.get(&format!("/runs/{run}/preview")).await.expect(200);
    assert!(texts(&shown["rows"][1]).contains(&Some("ada@example.com")), "{shown:#}");
    assert_eq!(stack.api.get(&format!("/runs/{run}/preview?path={path}")).await.expect(200), shown, "the main output");
    for path in ["none.xlsx", "../artifact.json", ""] {
        stack.api.get(&format!("/runs/{run}/preview?path={path}")).await.refused(404, "output_not_found");
    }
    let safe = json!({ "enabled": true, "detail": "x" });
    stack.api.send(stack.api.request(Method::PUT, "/system/safe-mode").json(&safe)).await.expect(200);
    let skipped = id(&stack.api.post(&format!("/configs/{config}/runs"), &json!({ "input_documents": [document] })).await.expect(201));
    stack.api.get(&format!("/runs/{skipped}/preview")).await.refused(404, "output_not_found");
}

#[tokio::test]
async fn hostile_workbooks_are_refused() {
    let stack = Stack::start().await;
    let config = stack.config().await;
    let document = stack.document("people.csv", PEOPLE).await;
    let stream = stack.run(&config, &document).await;
    let run = run_of(&stream);
    stream.rest().await;
    // What user code may leave among the outputs, where nothing has looked at it.
    let record = stack.api.get(&format!("/runs/{run}")).await.expect(200);
    let prefix = record["output_uri"].as_str().unwrap().split_once("ade-data/").unwrap().1.to_owned();
    let good = workbook("<worksheet><sheetData/></worksheet>", "<sst/>");
    let text = format!(
        "<worksheet><sheetData><row r=\"1\"><c r=\"A1\" t=\"str\"><v>{}</v></c></row></sheetData></worksheet>",
        "x".repeat(9 << 20)
    );
    let lost = "<worksheet><sheetData><row r=\"1\"><c r=\"A1\" t=\"s\"><v>5</v></c></row></sheetData></worksheet>";
    let cases: [(&str, Vec<u8>, &str); 7] = [
        ("cut.xlsx", good[..good.len() / 2].to_vec(), "document_unreadable"),
        ("empty.xlsx", vec![], "document_empty"),
        ("other.xlsx", b"plain text".to_vec(), "document_kind_mismatch"),
        ("odd.bin", b"plain text".to_vec(), "document_kind_unsupported"),
        ("long.xlsx", workbook(&text, "<sst/>"), "document_unreadable"),
        ("lost.xlsx", workbook(lost, "<sst><si/></sst>"), "document_unreadable"),
        ("large.xls", [&[0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1][..], &vec![0; 17 << 20]].concat(), "preview_too_large"),
    ];
    for (name, content, code) in cases {
        stack.bucket().put(&format!("{prefix}{name}"), &content).await;
        stack.api.get(&format!("/runs/{run}/preview?path={name}")).await.refused(422, code);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_large_workbook_only_what_a_page_needs_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let embedded = Embedded::start(directory.path()).await.unwrap();
    let (proxy, url) = Proxy::start(&embedded).await;
    let settings = [
        ("AWS_ACCESS_KEY_ID", embedded.credentials.access_key_id.as_str()),
        ("AWS_SECRET_ACCESS_KEY", embedded.credentials.secret_access_key.as_str()),
    ];
    let stack = Stack::start_at(&url, &settings).await;
    let content = large(300_000);
    assert!(content.len() > 30 << 20, "{}", content.len());
    let document = stack.document("large.xlsx", &content).await;
    proxy.reads();
    let page = preview(&stack, &document, "").await.expect(200);
    let (reads, bytes) = proxy.reads();
    assert_eq!((numbers(&page), &page["row_count"]), ((1..=50).collect(), &json!(300_000)));
    assert_eq!(texts(&page["rows"][49]), [Some("49"), Some("text number 49, which is of some length")]);
    println!("first page of {} bytes: {reads} reads of {bytes} bytes", content.len());
    assert!(reads <= 10 && bytes <= 1 << 20, "{reads} reads of {bytes} bytes");
    stack.api.get(&format!("/documents/{document}/sheets")).await.expect(200);
    let (reads, bytes) = proxy.reads();
    assert!(reads <= 6 && bytes <= 512 << 10, "{reads} reads of {bytes} bytes");
    let deep = preview(&stack, &document, "offset=299990").await.expect(200);
    assert_eq!((numbers(&deep), &deep["has_more"]), ((299_991..=300_000).collect(), &json!(false)));
    assert_eq!(texts(&deep["rows"][9])[1], Some("text number 299999, which is of some length"));
    assert!(proxy.reads().1 <= content.len() as u64 * 5 / 4, "nothing is read twice");
    let csv = lines(1_000_000, |row| format!("{row},text number {row}"));
    let document = stack.document("large.csv", csv.as_bytes()).await;
    proxy.reads();
    assert_eq!(numbers(&preview(&stack, &document, "offset=10&limit=2").await.expect(200)), [11, 12]);
    assert!(proxy.reads().1 <= 10 << 20);
    drop(stack);
    embedded.shutdown().await;
}
