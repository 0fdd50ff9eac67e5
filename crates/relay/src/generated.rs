//! Parts of documents that are written by the program: a test holds them against it, or writes them anew with `UPDATE_DOCS`.

/// Ends every such part.
const END: &str = "<!-- end of generated -->";

/// Checks, or writes, what follows `begin` in a file of `docs/`.
///
/// # Panics
/// The document says something else.
#[track_caller]
pub(crate) fn check(file: &str, begin: &str, expected: &str) {
    let path = format!("{}/../../docs/{file}", env!("CARGO_MANIFEST_DIR"));
    let document = std::fs::read_to_string(&path).expect("the document is there");
    let (head, rest) = document.split_once(begin).expect("it has the generated part");
    let (written, tail) = rest.split_once(END).expect("the generated part ends");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{head}{begin}{expected}{END}{tail}")).expect("it can be written");
        return;
    }
    assert_eq!(written, expected, "run UPDATE_DOCS=1 cargo test -p relay-manager reference");
}
