//! ade-functions
