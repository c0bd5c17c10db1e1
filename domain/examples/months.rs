//! Writes the recorded months by which alerts are tested again: `cargo run -p domain --example months`.

#[path = "../tests/alerts/months.rs"]
mod months;

fn main() -> std::io::Result<()> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/alerts");
    for month in &months::MONTHS {
        std::fs::write(format!("{folder}/{}.txt", month.name), month.text())?;
    }
    Ok(())
}
