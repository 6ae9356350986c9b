use ulid::Ulid;

use super::model::{Workspace, WorkspaceSlug};
use crate::id::WorkspaceId;
use crate::store::table::{ListError, WORKSPACES};
use crate::store::{Page, PageRequest, StoreError, Tables};

/// Creating and reading workspaces.
#[derive(Debug, Clone)]
pub struct Workspaces {
    pub(super) tables: Tables,
}

/// Why a workspace was not created.
#[derive(Debug, thiserror::Error)]
pub enum CreateWorkspaceError {
    /// Another workspace has this slug.
    #[error("the slug {0:?} is taken")]
    SlugTaken(String),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Workspaces {
    /// Workspaces in these tables.
    pub fn new(tables: Tables) -> Self {
        Self { tables }
    }

    /// Creates a workspace. Without a slug, one is made from its name and made unique.
    pub async fn create(&self, name: &str, slug: Option<&str>) -> Result<Workspace, CreateWorkspaceError> {
        let base = slug.map_or_else(|| slug_of(name), str::to_owned);
        let mut workspace = Workspace::new(name.to_owned(), base.clone());
        loop {
            let items = vec![
                self.tables.create_in_transaction(&WORKSPACES, &workspace)?,
                self.tables.create_in_transaction(&WORKSPACES, &WorkspaceSlug::new(&workspace))?,
            ];
            match self.tables.transact(&Ulid::generate().to_string(), items).await {
                Ok(()) => return Ok(workspace),
                Err(StoreError::Condition(_)) if slug.is_some() => {
                    return Err(CreateWorkspaceError::SlugTaken(base));
                }
                Err(StoreError::Condition(_)) => {
                    let tail = Ulid::generate().to_string().to_lowercase();
                    workspace.slug = format!("{base}-{}", &tail[tail.len() - 6..]);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Reads a workspace.
    pub async fn get(&self, id: WorkspaceId) -> Result<Option<Workspace>, StoreError> {
        self.tables.get(&WORKSPACES, Workspace::key(id)).await
    }

    /// All workspaces, newest first.
    pub async fn list(&self, page: PageRequest) -> Result<Page<Workspace>, ListError> {
        self.tables.list(&WORKSPACES, "by_kind", Workspace::ITEM, page, |_| true).await
    }

    /// Finds a workspace by its slug.
    pub async fn by_slug(&self, slug: &str) -> Result<Option<Workspace>, StoreError> {
        match self.tables.get::<WorkspaceSlug>(&WORKSPACES, WorkspaceSlug::key(slug)).await? {
            Some(slug) => self.get(slug.owner).await,
            None => Ok(None),
        }
    }
}

/// Lower-case letters, digits and single hyphens, from any name.
fn slug_of(name: &str) -> String {
    let words: Vec<String> =
        name.to_lowercase().split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect();
    let slug: String = words.join("-").chars().take(48).collect();
    if slug.is_empty() { "workspace".to_owned() } else { slug.trim_end_matches('-').to_owned() }
}
