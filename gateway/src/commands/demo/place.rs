//! Where the demo keeps its files: a folder of its own, removed at the end unless it must be kept.

use std::path::{Path, PathBuf};

use crate::commands::failure::{Code, Failure};
use crate::opening;

/// A folder, and whether it outlives the demo.
#[derive(Debug)]
pub(super) struct Place {
    folder: PathBuf,
    kept: bool,
}

impl Place {
    /// Makes a new folder: the one named, which must be absent or empty, or a temporary one.
    pub(super) fn make(named: Option<&Path>) -> Result<Self, Failure> {
        let folder = named.map_or_else(temporary, Path::to_owned);
        let failed = |error: std::io::Error| {
            Failure::new(
                Code::OutputFailed,
                format!("{} : {error}", folder.display()),
            )
        };
        opening::private_folder(&folder).map_err(failed)?;
        let mut inside = std::fs::read_dir(&folder).map_err(failed)?;
        if inside.next().is_some() {
            let said = format!("{} n'est pas vide", folder.display());
            return Err(Failure::new(Code::Conflict, said)
                .remedy("donner à --keep un dossier vide ou nouveau"));
        }
        Ok(Self {
            kept: named.is_some(),
            folder,
        })
    }

    /// Returns the path of a file in it.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Returns the folder when it outlives the demo.
    pub(super) fn kept(&self) -> Option<&Path> {
        self.kept.then_some(self.folder.as_path())
    }
}

/// Returns a name nobody has.
fn temporary() -> PathBuf {
    let name = format!("cfa-gateway-demo-{}", uuid::Uuid::now_v7().simple());
    std::env::temp_dir().join(name)
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.kept {
            // What cannot be removed is left to the system's own cleaning of temporary files.
            drop(std::fs::remove_dir_all(&self.folder));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_folder_goes_with_the_demo() {
        let place = Place::make(None).unwrap();
        let file = place.file("x");
        std::fs::write(&file, "x").unwrap();
        drop(place);
        assert!(!file.exists());
    }

    #[test]
    fn a_folder_in_use_is_left_alone() {
        let place = Place::make(None).unwrap();
        std::fs::write(place.file("x"), "x").unwrap();
        let folder = place.file("x").parent().unwrap().to_owned();
        assert!(Place::make(Some(&folder)).is_err());
        assert!(place.file("x").exists());
    }
}
