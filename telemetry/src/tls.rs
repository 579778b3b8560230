//! The process's crypto provider.

/// Makes ring the crypto provider of the process. reqwest panics without one, even for plain HTTP.
/// A provider that is already installed stays.
pub fn install_crypto_provider() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}
