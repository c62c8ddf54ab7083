//! The version of the seam that a plugin was built for, compared before its library is opened.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A version of the seam, `MAJOR.MINOR`.
///
/// A minor version only appends, so a host and a plugin of one major version understand each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Interface {
    /// Changes when something that exists changes or goes.
    pub major: u32,
    /// Changes when something is appended.
    pub minor: u32,
}

impl Interface {
    /// The interface that this host speaks: the version of the seam that it was compiled with.
    pub const HOST: Self = Self {
        major: agentsys_abi::INTERFACE_MAJOR,
        minor: agentsys_abi::INTERFACE_MINOR,
    };

    /// Checks that a plugin built for `self` can serve on a host that speaks `host`.
    ///
    /// # Errors
    /// If the major versions differ.
    pub fn check(self, host: Interface) -> Result<(), InterfaceMismatch> {
        if self.major == host.major {
            Ok(())
        } else {
            Err(InterfaceMismatch { plugin: self, host })
        }
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for Interface {
    type Err = InvalidInterface;

    fn from_str(text: &str) -> Result<Self, InvalidInterface> {
        let number = |part: &str| {
            let digits = part.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| part.parse().ok()).flatten()
        };
        text.split_once('.')
            .and_then(|(major, minor)| {
                Some(Interface {
                    major: number(major)?,
                    minor: number(minor)?,
                })
            })
            .ok_or(InvalidInterface)
    }
}

impl TryFrom<String> for Interface {
    type Error = InvalidInterface;

    fn try_from(text: String) -> Result<Self, InvalidInterface> {
        text.parse()
    }
}

impl From<Interface> for String {
    fn from(interface: Interface) -> String {
        interface.to_string()
    }
}

/// A text is no interface version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an interface version is two numbers, such as 1.0")]
pub struct InvalidInterface;

/// A plugin and a host speak different major versions of the seam.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "built for interface {plugin}, this host speaks {}.x: \
     update the host or rebuild the plugin against it",
    host.major
)]
pub struct InterfaceMismatch {
    /// What the plugin was built for.
    pub plugin: Interface,
    /// What the host speaks.
    pub host: Interface,
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const HOST: Interface = Interface { major: 1, minor: 3 };

    #[test]
    fn older_and_newer_minor_versions_are_accepted() {
        assert_eq!(Interface { major: 1, minor: 0 }.check(HOST), Ok(()));
        assert_eq!(Interface { major: 1, minor: 9 }.check(HOST), Ok(()));
    }

    #[test]
    fn another_major_version_is_refused_with_what_to_do() {
        let plugin: Interface = "2.1".parse().unwrap();
        assert_eq!(
            plugin.check(HOST).unwrap_err().to_string(),
            "built for interface 2.1, this host speaks 1.x: \
             update the host or rebuild the plugin against it"
        );
    }

    #[test]
    fn only_two_numbers_are_an_interface_version() {
        for text in [
            "",
            "1",
            "1.",
            ".1",
            "1.0.0",
            "+1.0",
            "1.-1",
            "a.b",
            "9999999999.0",
        ] {
            assert_eq!(text.parse::<Interface>(), Err(InvalidInterface), "{text:?}");
        }
    }
}
