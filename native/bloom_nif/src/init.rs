//! How the VM finds the functions, and how another build of the library takes over in a running VM.
//!
//! What `rustler::init!` writes, with an upgrade callback. The library keeps no state between calls, so there is
//! nothing to hand over: tokens and journals of the old build stay what they are to the old build and are refused by the new
//! one.

use std::sync::OnceLock;

use rustler::codegen_runtime::{
    ErlNifEntry, ErlNifEnv, ErlNifTerm, ResourceRegistration, c_int, c_void, handle_nif_init_call,
    internal_write_symbols, inventory,
};
use rustler::{Env, Nif, Term};

use crate::cancel::Token;
use crate::store::Journal;

/// `Bloom.Native` knows this answer.
const OTHER_VERSION: c_int = 2;

struct Entry(ErlNifEntry);

// SAFETY: nobody writes to an entry once it is made, and what it points to is never freed.
unsafe impl Send for Entry {}
// SAFETY: as above.
unsafe impl Sync for Entry {}

static ENTRY: OnceLock<Entry> = OnceLock::new();

// SAFETY: the VM looks for exactly this symbol with exactly this signature.
#[unsafe(no_mangle)]
extern "C" fn nif_init() -> *const ErlNifEntry {
    let entry = ENTRY.get_or_init(|| {
        // SAFETY: before anything of the VM is called through the table that this fills.
        unsafe { internal_write_symbols() };

        let functions: Vec<_> = inventory::iter::<Nif>().map(Nif::get_def).collect();
        let mut entry = ErlNifEntry::new(c"Elixir.Bloom.Native", functions.leak(), load);
        entry.upgrade = Some(upgrade);
        Entry(entry)
    });
    &raw const entry.0
}

unsafe extern "C" fn load(env: *mut ErlNifEnv, _data: *mut *mut c_void, info: ErlNifTerm) -> c_int {
    // SAFETY: the VM passes a valid environment and a term in it, both until this function returns.
    unsafe {
        let env = Env::new_init_env(&env, env);
        let info = Term::new(env, info);
        if info.decode::<&str>().ok() != Some(env!("CARGO_PKG_VERSION")) {
            return OTHER_VERSION;
        }
        handle_nif_init_call(register, env, info)
    }
}

unsafe extern "C" fn upgrade(
    env: *mut ErlNifEnv,
    data: *mut *mut c_void,
    _old_data: *mut *mut c_void,
    info: ErlNifTerm,
) -> c_int {
    // SAFETY: the VM gives the same guarantees for both callbacks.
    unsafe { load(env, data, info) }
}

fn register(env: Env<'_>, _info: Term<'_>) -> bool {
    let token = ResourceRegistration::new::<Token>().with_name(own_name("Token"));
    let store = ResourceRegistration::new::<Journal>().with_name(own_name("Store"));
    token.register(env).is_ok() && store.register(env).is_ok()
}

/// The name of a type is this library's alone, as two builds are loaded side by side during an upgrade.
fn own_name(of: &str) -> &'static str {
    format!("Bloom.Native.{of}-{:p}", &raw const ENTRY).leak()
}
