//! From a private copy to a root module whose layout was checked.

use std::mem::ManuallyDrop;
use std::path::Path;

use abi_stable::library::{
    AbiHeader, AbiHeaderRef, LibHeader, LibraryError, ROOT_MODULE_LOADER_NAME_WITH_NUL, RootModule,
};
use agentsys_abi::module::PluginModuleRef;
use libloading::Library;

use crate::error::LoadError;
use crate::layout;

/// A library in memory. Dropping it closes nothing.
pub(crate) struct OpenLibrary(ManuallyDrop<Library>);

impl OpenLibrary {
    /// Closes it; whether it is out of memory then is another question.
    ///
    /// # Safety
    /// Nothing may point into it any more: no call, no value, nothing that a thread has left.
    pub(crate) unsafe fn close(self) {
        if let Err(error) = ManuallyDrop::into_inner(self.0).close() {
            tracing::warn!(%error, "the system could not close a library");
        }
    }
}

/// Opens the copy and checks it. `path` is the operator's file, for messages; `plugin` is the name in its record.
pub(crate) fn open(
    copy: &Path,
    path: &Path,
    plugin: &str,
) -> Result<(OpenLibrary, PluginModuleRef), LoadError> {
    // Never closed here, not even when it is refused: its constructors have run, and what they left on threads points into it.
    let library = OpenLibrary(ManuallyDrop::new(open_library(copy, path)?));
    let header = header(&library.0, path, plugin)?;
    is_of(header, copy, path)?;
    check_interface(header, path)?;
    if let Some(layout) = header.layout() {
        layout::check(layout).map_err(|differs| LoadError::Layout {
            path: path.to_owned(),
            differences: differs.differences,
            report: differs.report,
        })?;
    }
    // SAFETY: the layout was checked just now, in a way that leaves no pointers into the library behind.
    let module = unsafe { header.init_root_module_with_unchecked_layout::<PluginModuleRef>() };
    // The error's text is copied: the error itself may point into the library.
    let module = module.map_err(|error| LoadError::RootModule {
        path: path.to_owned(),
        reason: one_line(&error.to_string()),
    })?;
    Ok((library, module))
}

fn open_library(copy: &Path, path: &Path) -> Result<Library, LoadError> {
    #[cfg(unix)]
    // SAFETY: opening runs the library's initializers. An operator admitted the file by putting it into a plugin directory.
    let library = unsafe {
        use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
        Library::open(Some(copy), RTLD_NOW | RTLD_LOCAL).map(Into::into)
    };
    #[cfg(not(unix))]
    // SAFETY: as above.
    let library = unsafe { Library::new(copy) };
    library.map_err(|error| LoadError::Open {
        path: path.to_owned(),
        // The system names the private copy; the operator knows the file.
        reason: one_line(&error.to_string()).replace(&copy.display().to_string(), "the file"),
    })
}

fn header(library: &Library, path: &Path, plugin: &str) -> Result<&'static LibHeader, LoadError> {
    let ours = agentsys_abi::header_name(plugin);
    let names = [ours.as_bytes(), ROOT_MODULE_LOADER_NAME_WITH_NUL.as_bytes()];
    let header = names.into_iter().find_map(|name| {
        // SAFETY: what is exported under these names is an `AbiHeader`, by our convention and by abi_stable's, which `upgrade` checks.
        unsafe { library.get::<AbiHeaderRef>(name) }.ok()
    });
    let header = *header.ok_or_else(|| LoadError::NoRootModule {
        path: path.to_owned(),
    })?;
    header.upgrade().map_err(|error| match error {
        LibraryError::InvalidAbiHeader(found) => LoadError::AbiStable {
            path: path.to_owned(),
            found: format!("{}.{}", found.abi_major, found.abi_minor),
            expected: format!(
                "{}.{}",
                AbiHeader::VALUE.abi_major,
                AbiHeader::VALUE.abi_minor
            ),
        },
        other => LoadError::RootModule {
            path: path.to_owned(),
            reason: one_line(&other.to_string()),
        },
    })
}

/// Whether the header lies in that very copy: the system's loader knows libraries by name, and gives an older one where it believes to have the file already.
#[cfg(unix)]
fn is_of(header: &LibHeader, copy: &Path, path: &Path) -> Result<(), LoadError> {
    use std::ffi::CStr;
    use std::os::unix::ffi::OsStrExt;

    // SAFETY: an all-zero record is one.
    let mut found: libc::Dl_info = unsafe { std::mem::zeroed() };
    let address = std::ptr::from_ref(header).cast();
    // SAFETY: any address may be asked for; the record is written to where it is known.
    let known = unsafe { libc::dladdr(address, &raw mut found) } != 0 && !found.dli_fname.is_null();
    // SAFETY: a name that ends in 0, of a library that is open.
    let name = known.then(|| unsafe { CStr::from_ptr(found.dli_fname) }.to_bytes());
    if name == Some(copy.as_os_str().as_bytes()) {
        return Ok(());
    }
    let name = name.map(|name| String::from_utf8_lossy(name).into_owned());
    Err(LoadError::Reused {
        path: path.to_owned(),
        other: name.unwrap_or_else(|| "an unknown file".to_owned()),
    })
}

#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps, reason = "fails on Unix")]
fn is_of(_: &LibHeader, _: &Path, _: &Path) -> Result<(), LoadError> {
    Ok(())
}

fn check_interface(header: &LibHeader, path: &Path) -> Result<(), LoadError> {
    let found = header.version_strings().version.as_str().to_owned();
    let major = |version: &str| {
        version
            .split('.')
            .next()
            .and_then(|major| major.parse::<u32>().ok())
    };
    let expected = major(PluginModuleRef::VERSION_STRINGS.version.as_str()).unwrap_or_default();
    if major(&found) == Some(expected) {
        return Ok(());
    }
    let minor = found.split('.').take(2).collect::<Vec<_>>().join(".");
    Err(LoadError::Interface {
        path: path.to_owned(),
        found: minor,
        expected,
    })
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
