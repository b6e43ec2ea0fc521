//! The offline verifier: what it says of whole, torn and damaged files.

mod store;

use lockstep_core::ids::File;
use lockstep_core::log::check::{Check, Report, Verdict};
use lockstep_core::log::image::Image;
use store::Store;

fn check(image: &Image) -> Vec<Report> {
    let mut check = Check::new(&image.infos());
    let mut reports = Vec::new();
    while !check.finished() {
        match check.next() {
            Some(report) => reports.push(report),
            None => {
                let want = check.want().expect("more is needed");
                check.feed(image.load(&want));
            }
        }
    }
    assert!(check.want().is_none() && check.next().is_none());
    reports
}

/// One snapshot and one segment that goes on behind it.
fn image() -> Image {
    let mut store = Store::founded(512);
    store.write(1, 100);
    store.sync();
    let snapshot = store.begin_checkpoint();
    store.finish_checkpoint(snapshot);
    store.write(2, 300);
    store.sync();
    store.prove();
    store.write(3, 900);
    store.disk.cache()
}

fn files(image: &Image) -> (File, File) {
    let mut names = image.files.keys().copied();
    (names.next().expect("a segment"), names.next().expect("a snapshot"))
}

#[test]
fn whole_files() {
    let image = image();
    let (segment, snapshot) = files(&image);
    let reports = check(&image);
    assert_eq!(reports.iter().map(|report| report.file).collect::<Vec<_>>(), [segment, snapshot]);
    assert!(reports.iter().all(|report| report.verdict == Verdict::Whole));
    let contents = &reports[0].contents;
    assert_eq!(contents.entries, 2);
    assert_eq!(contents.range.map(|(first, last)| (first.index.0, last.index.0)), Some((2, 3)));
    assert!(reports[0].believed_bytes < reports[0].length_bytes, "space is reserved behind it");
    assert!(reports[1].contents.complete);
    assert_eq!(reports[1].contents.covered.map(|covered| covered.index.0), Some(1));
    assert_eq!(reports[1].believed_bytes, reports[1].length_bytes);
    assert!(reports[0].to_string().ends_with("2 entries from 2 to 3: whole"), "{}", reports[0]);
}

#[test]
fn torn_and_damaged_segments() {
    let image = image();
    let (segment, _) = files(&image);
    let believed = check(&image)[0].believed_bytes as usize;
    let verdict = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut image = image.clone();
        change(image.files.get_mut(&segment).expect("it is there"));
        let report = check(&image).swap_remove(0);
        (report.verdict, report.believed_bytes as usize)
    };
    let (torn, at) = verdict(&|bytes| bytes.truncate(believed - 1));
    assert!(matches!(torn, Verdict::Torn(_)) && at < believed, "{torn:?}");
    let (damaged, _) = verdict(&|bytes| bytes[believed - 100] ^= 1);
    assert_eq!(damaged, Verdict::Damaged("a checksum that does not match".to_owned()));
    let (damaged, at) = verdict(&|bytes| bytes[184..512].fill(0));
    assert!(
        matches!(&damaged, Verdict::Damaged(what) if what.ends_with("it was on the platter once")),
        "{damaged:?}"
    );
    assert_eq!(at, 184, "behind the head");
    let (damaged, _) = verdict(&|bytes| bytes.truncate(at));
    assert!(
        matches!(damaged, Verdict::Whole | Verdict::Torn(_)),
        "nothing is left that proves more: {damaged:?}"
    );
    let (empty, at) = verdict(&Vec::clear);
    assert_eq!((empty, at), (Verdict::Torn("nothing is in it".to_owned()), 0));
}

#[test]
fn unfinished_and_damaged_snapshots() {
    let image = image();
    let (_, snapshot) = files(&image);
    let length = image.files[&snapshot].len();
    for cut in [0, 50, length - 64, length - 1] {
        let mut image = image.clone();
        image.files.get_mut(&snapshot).expect("it is there").truncate(cut);
        let report = check(&image).swap_remove(1);
        assert!(matches!(report.verdict, Verdict::Torn(_)), "cut at {cut}: {report}");
    }
    let mut image = image.clone();
    image.files.get_mut(&snapshot).expect("it is there")[length - 40] ^= 1;
    assert!(matches!(check(&image)[1].verdict, Verdict::Damaged(_)));
}

#[test]
fn a_file_that_shrinks_is_reported_as_it_is_then() {
    let image = image();
    let mut infos = image.infos();
    infos[1].length_bytes += 10;
    let mut check = Check::new(&infos);
    let mut reports = Vec::new();
    for _ in 0..20 {
        reports.extend(check.next());
        if let Some(want) = check.want() {
            check.feed(image.load(&want));
        }
    }
    assert!(check.finished());
    assert_eq!(reports[1].verdict, Verdict::Whole);
}
