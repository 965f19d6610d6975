//! Does nothing: what `bench` holds the hook against.

fn main() {}
