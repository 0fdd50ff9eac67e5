//! A scripted fake host and fixtures for tests and the demo.
