use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::Path,
};

use tempfile::tempdir;

use super::super::{
    address::{ControlDirectory, Party, admits, check},
    error::AddressError,
};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

#[test]
fn the_directory_is_made_private_with_its_parents() {
    let dir = tempdir().unwrap();
    let state_dir = dir.path().join("deep/state");

    ControlDirectory::create(&state_dir).unwrap();

    assert_eq!(mode(&state_dir.join("control")), 0o700);
}

#[test]
fn a_directory_that_others_can_enter_is_refused_by_both_ends() {
    let dir = tempdir().unwrap();
    let control = dir.path().join("control");
    fs::create_dir(&control).unwrap();

    for wide in [0o755, 0o710, 0o701] {
        fs::set_permissions(&control, fs::Permissions::from_mode(wide)).unwrap();

        let expected = format!(
            "the control directory {0} has mode {wide:04o}, so that other users could reach the \
             host through it: run `chmod 700 {0}`",
            control.display()
        );
        assert_eq!(
            ControlDirectory::create(dir.path())
                .unwrap_err()
                .to_string(),
            expected
        );
        assert_eq!(
            ControlDirectory::open(dir.path()).unwrap_err().to_string(),
            expected
        );
        assert_eq!(mode(&control), wide);
    }

    fs::set_permissions(&control, fs::Permissions::from_mode(0o700)).unwrap();
    assert!(ControlDirectory::create(dir.path()).is_ok());
}

#[test]
fn a_missing_directory_is_none_and_is_not_made_by_a_program_that_asks() {
    let dir = tempdir().unwrap();

    assert!(ControlDirectory::open(dir.path()).unwrap().is_none());
    assert!(
        ControlDirectory::open(&dir.path().join("missing"))
            .unwrap()
            .is_none()
    );
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_file_or_a_link_in_its_place_is_refused() {
    let dir = tempdir().unwrap();
    let control = dir.path().join("control");

    fs::write(&control, "").unwrap();
    let file = ControlDirectory::create(dir.path());
    assert!(matches!(file, Err(AddressError::Open { .. })), "{file:?}");

    fs::remove_file(&control).unwrap();
    fs::create_dir(dir.path().join("elsewhere")).unwrap();
    symlink("elsewhere", &control).unwrap();
    let link = ControlDirectory::create(dir.path());
    assert!(matches!(link, Err(AddressError::Open { .. })), "{link:?}");
}

#[test]
fn another_users_directory_is_for_root_to_ask_and_for_nobody_to_serve() {
    let path = Path::new("state/control");
    let checked = |party, owner, own| check(path, party, owner, 0o40700, own);

    assert!(checked(Party::Host, 1000, 1000).is_ok());
    assert!(checked(Party::Client, 1000, 1000).is_ok());
    assert!(checked(Party::Client, 1000, 0).is_ok());
    for (party, owner, own) in [
        (Party::Host, 1000, 0),
        (Party::Host, 0, 1000),
        (Party::Client, 1001, 1000),
    ] {
        assert_eq!(
            checked(party, owner, own).unwrap_err().to_string(),
            format!(
                "the control directory state/control belongs to the user with id {owner}, and \
                 this program runs as {own}: run it as that user, or give another --state-dir"
            )
        );
    }
}

#[test]
fn the_hosts_own_user_and_root_are_admitted() {
    assert!(admits(1000, 1000));
    assert!(admits(0, 1000));
    assert!(admits(0, 0));
    assert!(!admits(1001, 1000));
    assert!(!admits(1000, 0));
}
