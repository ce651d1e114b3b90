//! How the library is linked.

fn main() {
    // The VM closes the library when its module is purged, but a thread of it may still be at its end.
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo::rustc-link-arg-cdylib=-Wl,-z,nodelete");
    }
    println!("cargo::rerun-if-changed=build.rs");
}
