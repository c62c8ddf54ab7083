//! Scanning: order, prefixes, pages.

use super::{keys, must, namespace, same};
use crate::{Scan, Storage};

pub(super) async fn check(storage: &Storage) {
    let space = namespace(storage, "scans");
    same(
        keys(&space, Scan::default()).await,
        Vec::new(),
        "an empty namespace must have no entries",
    );

    let mut all: Vec<Vec<u8>> = (0..250_u8).map(|n| vec![b'n', n]).collect();
    all.extend([
        vec![0],
        vec![b'n'],
        b"n\x05more".to_vec(),
        b"o".to_vec(),
        vec![255],
        vec![255, 255],
        vec![255, 255, 0],
    ]);
    for key in all.iter().rev() {
        must(space.put(key, key.clone()).await, "a put");
    }
    all.sort();

    for limit in [1, 7, 100, 1000, usize::MAX] {
        same(
            keys(&space, Scan::default().limit(limit)).await,
            all.clone(),
            "scanning page by page must give each key once, in the order of the bytes",
        );
    }
    for prefix in [&b"n"[..], b"n\x05", b"o", b"\xff", b"\xff\xff", b"absent"] {
        let expected: Vec<_> = all
            .iter()
            .filter(|key| key.starts_with(prefix))
            .cloned()
            .collect();
        same(
            keys(&space, Scan::prefix(prefix).limit(9)).await,
            expected,
            "a prefix must give the keys that begin so, and no others",
        );
    }
    for after in [
        &b"\0"[..],
        b"n",
        b"n\x05",
        b"n\x05absent",
        b"o",
        b"\xff\xff\0",
        b"\xff\xff\xff",
    ] {
        for prefix in [&b""[..], b"n", b"\xff"] {
            let expected: Vec<_> = all
                .iter()
                .filter(|key| key.starts_with(prefix) && key.as_slice() > after)
                .cloned()
                .collect();
            same(
                keys(&space, Scan::prefix(prefix).after(after)).await,
                expected,
                "a scan must begin behind the key it is given, there or not, within the prefix",
            );
        }
    }

    let page = must(space.scan(Scan::prefix("n").limit(2)).await, "a scan");
    let expected: Vec<(Vec<u8>, Vec<u8>)> = [b"n".to_vec(), b"n\0".to_vec()]
        .into_iter()
        .map(|key| (key.clone(), key))
        .collect();
    let found: Vec<_> = page
        .entries
        .iter()
        .map(|(key, value)| (key.to_vec(), value.bytes.to_vec()))
        .collect();
    same(found, expected, "a page must have the values of its keys");
    same(
        page.more,
        true,
        "a page that its limit cut off must say that there is more",
    );
    let page = must(space.scan(Scan::prefix("o").limit(1)).await, "a scan");
    same(
        page.more,
        false,
        "a page that ends with the last key must say that there is no more",
    );
    for (prefix, there) in [("n", true), ("absent", false)] {
        let page = must(space.scan(Scan::prefix(prefix).limit(0)).await, "a scan");
        same(
            (page.entries.len(), page.more),
            (0, there),
            "a limit of 0 must give nothing but whether there is anything",
        );
    }
}
