//! The JSON admin API over the control plane, one endpoint a file.
