//! The pages. Each is a file: words, context, handler, samples.

pub(crate) mod decisions;
pub(crate) mod health;
pub(crate) mod login;
pub(crate) mod overview;

#[cfg(test)]
mod rendering;
