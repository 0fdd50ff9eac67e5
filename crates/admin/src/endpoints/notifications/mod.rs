//! What operators are told, and where (docs/notifications.md).

pub(crate) mod channels;
pub(crate) mod deliveries;
