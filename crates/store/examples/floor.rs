//! The floor of a run: the least that could be done for the records of the benchmark.
//!
//! A loop by hand over reqwest, `serde_json` and redb with one fixed record type. It classifies each row against
//! the stored one and commits lazily a page, durably at the end. It has no configuration, no mapping, no types,
//! no checkpoint, no rejects; `cargo xtask bench` measures Raccord beside it.
#![expect(clippy::print_stdout, reason = "a program that tells what it did")]

use std::error::Error;

use redb::{Database, Durability, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition};
use serde::{Deserialize, Serialize};

const ROWS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("rows");

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    data: Vec<Record<'a>>,
    next: Option<String>,
}

#[derive(Deserialize, Serialize)]
struct Record<'a> {
    id: u64,
    external_ref: &'a str,
    #[serde(borrow)]
    customer: Customer<'a>,
    #[serde(borrow)]
    address: Address<'a>,
    status: &'a str,
    score: i64,
    balance: f64,
    vip: bool,
    notes: Option<&'a str>,
    created_at: &'a str,
    updated_at: &'a str,
}

#[derive(Deserialize, Serialize)]
struct Customer<'a> {
    name: &'a str,
    email: &'a str,
    phone: Option<&'a str>,
}

#[derive(Deserialize, Serialize)]
struct Address<'a> {
    street: &'a str,
    city: &'a str,
    zip: &'a str,
    country: &'a str,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(url), Some(path)) = (arguments.next(), arguments.next()) else {
        return Err("usage: floor URL FILE".into());
    };
    let database = Database::builder().set_cache_size(24 << 20).create(path)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let rows = runtime.block_on(read(&database, url))?;
    println!("{rows} rows");
    Ok(())
}

async fn read(database: &Database, first: String) -> Result<u64, Box<dyn Error>> {
    // The server speaks plain HTTP, but the client wants to know whom it would trust.
    drop(rustls::crypto::ring::default_provider().install_default());
    let client = reqwest::Client::builder().tls_certs_only([]).build()?;
    let mut next = Some(first);
    let mut row = Vec::new();
    while let Some(url) = next {
        let body = client.get(url).send().await?.error_for_status()?.bytes().await?;
        let page: Page<'_> = serde_json::from_slice(&body)?;
        next = page.next;
        let mut transaction = database.begin_write()?;
        transaction.set_durability(if next.is_some() { Durability::None } else { Durability::Immediate })?;
        {
            let mut table = transaction.open_table(ROWS)?;
            for record in &page.data {
                row.clear();
                serde_json::to_writer(&mut row, record)?;
                let same = table.get(record.id)?.is_some_and(|stored| stored.value() == row.as_slice());
                if !same {
                    table.insert(record.id, row.as_slice())?;
                }
            }
        }
        transaction.commit()?;
    }
    Ok(database.begin_read()?.open_table(ROWS)?.len()?)
}
