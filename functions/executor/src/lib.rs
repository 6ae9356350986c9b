//! ade-executor
