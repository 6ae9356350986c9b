//! Keeping parser panics inside the crate.
//!
//! calamine indexes into records of binary formats without checking every length, so a crafted xls or xlsb can make it
//! panic. Such a panic is a damaged file, not a bug of the caller: it is caught here and becomes an error, and nothing
//! is printed. The hook is installed once per process and forwards every panic that happens outside a guarded call.

use std::{
    any::Any,
    cell::Cell,
    panic::{self, AssertUnwindSafe},
    sync::Once,
};

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

static INSTALL: Once = Once::new();

/// Runs `parse`; a panic in it becomes its message.
pub(crate) fn guard<T>(parse: impl FnOnce() -> T) -> Result<T, String> {
    INSTALL.call_once(|| {
        let outer = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !GUARDED.get() {
                outer(info);
            }
        }));
    });
    let before = GUARDED.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(parse));
    GUARDED.set(before);
    result.map_err(|payload| message(payload.as_ref()))
}

fn message(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "the parser gave up".to_owned())
}
