//! All routes at one moment. A table is never changed: a call reads the one it found, and an edit
//! puts another in its place, so that calls need no lock and several changes show as one.

use std::sync::{Arc, OnceLock};

use rustc_hash::FxHashMap;

use crate::Interceptors;
use crate::directory::Directory;
use crate::route::{Route, RouteInfo};

#[derive(Default)]
pub(crate) struct Table {
    routes: FxHashMap<Arc<str>, Arc<Route>>,
    directory: OnceLock<Directory>,
    /// Here, since every call has the table in its hands anyway.
    pub(crate) interceptors: Interceptors,
}

/// For an edit: without the directory, which will be another.
impl Clone for Table {
    fn clone(&self) -> Self {
        Self {
            routes: self.routes.clone(),
            directory: OnceLock::new(),
            interceptors: self.interceptors.clone(),
        }
    }
}

impl Table {
    pub(crate) fn get(&self, name: &str) -> Option<&Arc<Route>> {
        self.routes.get(name)
    }

    pub(crate) fn directory(&self) -> &Directory {
        self.directory
            .get_or_init(|| Directory::of(self.routes.values()))
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.routes.keys().map(|name| &**name)
    }

    pub(crate) fn routes(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.routes.values()
    }

    pub(crate) fn routes_mut(&mut self) -> impl Iterator<Item = &mut Arc<Route>> {
        self.routes.values_mut()
    }

    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut Route> {
        self.routes.get_mut(name).map(Arc::make_mut)
    }

    /// The route of that name, made if there is none.
    pub(crate) fn entry(&mut self, name: &str, make: impl FnOnce(Arc<str>) -> Route) -> &mut Route {
        let name: Arc<str> = name.into();
        let route = self
            .routes
            .entry(name)
            .or_insert_with_key(|name| Arc::new(make(name.clone())));
        Arc::make_mut(route)
    }

    /// Takes the routes out that have no agents.
    pub(crate) fn take_empty(&mut self) -> Vec<Arc<Route>> {
        self.routes
            .extract_if(|_, route| route.members.is_empty())
            .map(|(_, route)| route)
            .collect()
    }

    pub(crate) fn listing(&self) -> Vec<RouteInfo> {
        let mut listing: Vec<RouteInfo> = self.routes.values().map(|route| route.info()).collect();
        listing.sort_by(|a, b| a.name.cmp(&b.name));
        listing
    }
}
