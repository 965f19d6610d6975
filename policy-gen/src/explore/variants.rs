//! Other orders and numbers of a subject's groups. Conditions say which groups a subject is in, and nothing about their order.

use super::example::other;

/// Limit of the groups of which every order is tried.
const ORDERED_MAX: usize = 3;
/// A large number of groups.
const MANY: usize = 40;

/// Returns other lists of the same known groups, with other groups before and after them, and without other groups.
pub(super) fn variants(known: &[String]) -> Vec<Vec<String>> {
    let other = other("group");
    let mut orders = vec![known.to_vec()];
    if known.len() <= ORDERED_MAX {
        orders = permutations(known);
    } else {
        orders.push(known.iter().rev().cloned().collect());
    }
    let mut all = Vec::new();
    for order in orders {
        let one = std::slice::from_ref(&other);
        all.push([order.as_slice(), one].concat());
        all.push([one, order.as_slice()].concat());
        all.push([one, one, order.as_slice(), one].concat());
        all.push([vec![other.clone(); MANY], order.clone()].concat());
        all.push(order);
    }
    all
}

fn permutations(items: &[String]) -> Vec<Vec<String>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (place, first) in items.iter().enumerate() {
        let rest: Vec<String> =
            items.iter().enumerate().filter(|(at, _)| *at != place).map(|(_, one)| one.clone()).collect();
        all.extend(permutations(&rest).into_iter().map(|rest| [vec![first.clone()], rest].concat()));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_of_few_groups_is_tried_with_and_without_others() {
        let known = ["a", "b"].map(str::to_owned);
        let all = variants(&known);
        assert_eq!(all.len(), 10);
        assert!(all.contains(&vec!["b".to_owned(), "a".to_owned()]));
        assert!(all.contains(&vec![other("group"), "b".to_owned(), "a".to_owned()]));
        assert_eq!(variants(&[]).len(), 5);
    }
}
