//! Files that tenants keep. What is begun is finished, whoever leaves meanwhile.

use std::sync::Arc;

use super::{Gateway, detached};
use crate::{
    Result,
    files::{File, Files, NewFile, Shelf},
};

impl Gateway {
    /// The files that are kept.
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// Keeps a file of `tenant`.
    ///
    /// # Errors
    ///
    /// As [`Files::put`].
    pub async fn keep_file(&self, tenant: &str, shelf: Shelf, new: NewFile) -> Result<File> {
        let (files, tenant) = (Arc::clone(&self.files), tenant.to_owned());
        let work = async move { files.put(&tenant, shelf, new).await };
        detached::run(&**self.host(), work).await
    }

    /// Deletes a file of `tenant`.
    ///
    /// # Errors
    ///
    /// As [`Files::delete`].
    pub async fn delete_file(&self, tenant: &str, shelf: Shelf, id: &str) -> Result<()> {
        let (files, tenant, id) = (Arc::clone(&self.files), tenant.to_owned(), id.to_owned());
        let work = async move { files.delete(&tenant, shelf, &id).await };
        detached::run(&**self.host(), work).await
    }
}
