//! ade-invoke
