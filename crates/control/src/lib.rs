//! The control plane: use cases shared by API and CLI.
