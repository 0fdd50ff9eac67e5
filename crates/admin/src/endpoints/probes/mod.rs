//! What orchestrators ask, without a token.

pub(crate) mod healthz;
pub(crate) mod readyz;
