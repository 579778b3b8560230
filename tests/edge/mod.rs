//! The edge in real workerd against its origin.

mod alike;
mod answers;
mod attack;
mod browser;
mod corpus;
mod faults;
mod freshness;
mod hostile;
mod memory;
mod parity;
