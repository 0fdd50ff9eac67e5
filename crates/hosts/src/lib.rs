//! How a host is reached: connector, address rules, the relay call.
