//! The data plane: admit, attempt, commit, stream, settle.
