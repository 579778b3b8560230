//! Behaviour of a bucket of blobs only.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use photolog_store::{BlobConfig, BlobError, BlobUrl, Blobs};
use photolog_tests::link::{Link, Target};
use photolog_tests::s3::S3;

/// Settings for a client of the server. `place` is bucket and prefix.
pub(crate) fn config(s3: &S3, place: &str, folder: &Path) -> BlobConfig {
    let Ok(BlobUrl::Bucket(url)) = format!("s3://{place}").parse() else {
        panic!("{place} is not a bucket");
    };
    BlobConfig::Bucket {
        url,
        environment: s3
            .environment()
            .map(|(name, value)| (name.to_owned(), value))
            .into(),
        incoming: folder.join("incoming"),
    }
}

fn with(config: BlobConfig, name: &str, value: &str) -> BlobConfig {
    let BlobConfig::Bucket {
        url,
        mut environment,
        incoming,
    } = config
    else {
        panic!("a bucket");
    };
    environment.retain(|(other, _)| other != name);
    environment.push((name.to_owned(), value.to_owned()));
    BlobConfig::Bucket {
        url,
        environment,
        incoming,
    }
}

#[tokio::test]
async fn a_bucket_that_is_missing_or_forbidden_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let s3 = S3::start();
    let good = config(&s3, S3::BUCKET, folder.path());
    let missing = config(&s3, "elsewhere", folder.path());
    let forbidden = with(good.clone(), "AWS_SECRET_ACCESS_KEY", "wrong");
    let unknown = with(good.clone(), "AWS_ACCESS_KEY_ID", "nobody");
    Blobs::open(&good).await.unwrap();
    for (wrong, why) in [
        (missing, "NoSuchBucket"),
        (forbidden, "SignatureDoesNotMatch"),
        (unknown, "InvalidAccessKeyI"),
    ] {
        let refused = Blobs::open(&wrong).await.unwrap_err();
        let BlobError::Unusable { url, problem } = &refused else {
            panic!("{refused:?}");
        };
        assert!(url.starts_with("s3://"), "{url}");
        let mut words = problem.to_string();
        let mut cause = problem.source();
        while let Some(error) = cause {
            words += &error.to_string();
            cause = error.source();
        }
        assert!(words.contains(why), "{words}");
    }
}

#[tokio::test]
async fn prefixes_of_one_bucket_are_apart() {
    let folder = tempfile::tempdir().unwrap();
    let s3 = S3::start();
    let ours = config(&s3, "pictures/a%20b", folder.path());
    let ours = Blobs::open(&ours).await.unwrap();
    let theirs = Blobs::open(&config(&s3, "pictures/c", folder.path()))
        .await
        .unwrap();
    let digest = ours
        .put(Bytes::from_static(b"ours"))
        .await
        .unwrap()
        .digest();
    assert!(s3.object("a b").join(&digest.to_string()[0..2]).is_dir());
    assert_eq!(theirs.get(&digest).await.unwrap(), None);
}

#[tokio::test]
async fn a_server_that_is_away_for_a_moment_is_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut s3 = S3::start();
    let blobs = Blobs::open(&config(&s3, S3::BUCKET, folder.path()))
        .await
        .unwrap();
    s3.kill();
    let put = tokio::spawn({
        let blobs = blobs.clone();
        async move { blobs.put(Bytes::from_static(b"patient")).await }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!put.is_finished());
    s3.restart();
    let digest = put.await.unwrap().unwrap().digest();
    assert_eq!(blobs.get(&digest).await.unwrap().unwrap(), "patient");
}

/// A connection may die silently: no response arrives, and nothing is refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_falls_silent_is_asked_again_within_ten_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let s3 = S3::start();
    let (_, endpoint) = &s3.environment()[3];
    let address = endpoint.strip_prefix("http://").unwrap();
    let link = Link::to(Target::Tcp(address.parse().unwrap())).await;
    let bucket = config(&s3, S3::BUCKET, folder.path());
    let bucket = with(
        bucket,
        "AWS_ENDPOINT_URL",
        &format!("http://{}", link.address),
    );
    let blobs = Blobs::open(&bucket).await.unwrap();
    let bytes = Bytes::from_static(b"patient");
    let digest = blobs.put(bytes.clone()).await.unwrap().digest();
    let in_time = |began: Instant| {
        let took = began.elapsed();
        assert!(took < 2 * Duration::from_secs(10), "{took:?}");
    };
    link.forget();
    let began = Instant::now();
    assert_eq!(blobs.get(&digest).await.unwrap().unwrap(), bytes);
    in_time(began);
    link.forget();
    let began = Instant::now();
    blobs.put(bytes).await.unwrap();
    in_time(began);
}
