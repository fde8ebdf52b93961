//! Recorded options for the exports of well-known programs, which apply if no other option is given for a column. Names
//! of columns are compared without case, blanks and marks.

use super::header::fold;
use crate::rule::{CustomType, Status};

/// The recorded options for the exports of one program.
#[derive(Debug, PartialEq, Eq)]
pub struct Preset {
    /// Its name in options.
    pub name: &'static str,
    /// The display name of the program.
    pub title: &'static str,
    /// Columns by which its exports are recognised. A header must have all columns of one of these lists.
    marks: &'static [&'static [&'static str]],
    /// The targets of columns.
    pub columns: &'static [(&'static str, &'static str)],
    /// Custom fields to create for columns that are not empty.
    pub fields: &'static [(&'static str, CustomType)],
    /// Columns to leave out.
    pub ignore: &'static [&'static str],
    /// The statuses that words in the status column mean.
    pub statuses: &'static [(&'static str, Status)],
    /// The separator of the items of its lists; `None` if it is detected in each cell.
    pub split: Option<char>,
}

use CustomType::{Boolean, Date, Datetime, List, Number, Text};
use Status::{Pending, Subscribed, Unsubscribed};

/// All presets.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "mailchimp",
        title: "Mailchimp",
        marks: &[&["LEID", "EUID"], &["MEMBER_RATING", "LAST_CHANGED"]],
        columns: &[
            ("OPTIN_TIME", "subscribed_at"),
            ("CONFIRM_TIME", "subscribed_at"),
            ("UNSUB_TIME", "unsubscribed_at"),
            ("UNSUB_REASON", "status_reason"),
            ("UNSUB_REASON_OTHER", "status_reason"),
            ("CLEAN_TIME", "bounced"),
            ("CC", "country"),
        ],
        fields: &[
            ("Birthday", Text),
            ("Address", Text),
            ("MEMBER_RATING", Number),
            ("NOTES", Text),
            ("TAGS", List),
        ],
        ignore: &[
            "OPTIN_IP",
            "CONFIRM_IP",
            "GMTOFF",
            "DSTOFF",
            "LAST_CHANGED",
            "LEID",
            "EUID",
            "UNSUB_CAMPAIGN_TITLE",
            "UNSUB_CAMPAIGN_ID",
            "CLEAN_CAMPAIGN_TITLE",
            "CLEAN_CAMPAIGN_ID",
        ],
        statuses: &[],
        split: None,
    },
    Preset {
        name: "klaviyo",
        title: "Klaviyo",
        marks: &[
            &["Klaviyo ID"],
            &[
                "Email Marketing Consent",
                "Email Marketing Consent Timestamp",
            ],
        ],
        columns: &[
            ("Email Marketing Consent", "status"),
            ("Email Marketing Consent Timestamp", "subscribed_at"),
            ("Accepts Marketing", "opt_in"),
            ("Profile Created On", "created_at"),
            ("State / Region", "region"),
            ("Zip Code", "postal_code"),
            ("Initial Source", "source"),
        ],
        fields: &[
            ("Organization", Text),
            ("Title", Text),
            ("Tags", List),
            ("Predicted Gender", Text),
            ("Last Active", Datetime),
        ],
        ignore: &[
            "Klaviyo ID",
            "IP Address",
            "Source",
            "SMS Consent",
            "SMS Consent Timestamp",
            "Date Added",
            "Last Open",
            "Last Click",
            "Address",
            "Address 2",
            "Phone Number Region",
        ],
        statuses: &[],
        split: None,
    },
    Preset {
        name: "hubspot",
        title: "HubSpot",
        marks: &[
            &["Record ID", "Lifecycle Stage"],
            &["Contact ID", "Lifecycle Stage"],
            &["Record ID", "Marketing contact status"],
            &["Unsubscribed from all email", "Email"],
            &["Record ID", "Create Date"],
        ],
        columns: &[
            ("Unsubscribed from all email", "opt_out"),
            ("Opted out of email", "opt_out"),
            ("Marketing contact status", "status"),
            ("Email hard bounce reason", "bounced"),
            ("Create Date", "created_at"),
            ("Mobile Phone Number", "phone"),
            ("Original Source", "source"),
        ],
        fields: &[
            ("Company name", Text),
            ("Associated Company", Text),
            ("Job Title", Text),
            ("Lifecycle Stage", Text),
            ("Lead Status", Text),
            ("Contact owner", Text),
            ("Last Activity Date", Datetime),
        ],
        ignore: &[
            "Record ID",
            "Contact ID",
            "Associated Company ID",
            "Associated Company IDs",
            "Last Modified Date",
        ],
        statuses: &[],
        split: Some(';'),
    },
    Preset {
        name: "shopify",
        title: "Shopify",
        marks: &[
            &["Customer ID", "Accepts Email Marketing"],
            &["Accepts Email Marketing", "Total Spent", "Total Orders"],
            &["Accepts Marketing", "Total Spent", "Total Orders"],
        ],
        columns: &[
            ("Accepts Email Marketing", "opt_in"),
            ("Accepts Marketing", "opt_in"),
            ("Default Address City", "city"),
            ("Default Address Province Code", "region"),
            ("Default Address Country Code", "country"),
            ("Default Address Zip", "postal_code"),
            ("Default Address Phone", "phone"),
            ("City", "city"),
            ("Province Code", "region"),
            ("Country Code", "country"),
            ("Zip", "postal_code"),
            ("Phone", "phone"),
        ],
        fields: &[
            ("Default Address Company", Text),
            ("Company", Text),
            ("Total Spent", Number),
            ("Total Orders", Number),
            ("Note", Text),
            ("Tax Exempt", Boolean),
            ("Tags", List),
        ],
        ignore: &[
            "Customer ID",
            "Accepts SMS Marketing",
            "Default Address Address1",
            "Default Address Address2",
            "Address1",
            "Address2",
            "Province",
            "Country",
        ],
        statuses: &[],
        split: Some(','),
    },
    Preset {
        name: "brevo",
        title: "Brevo",
        marks: &[
            &["EMAIL_BLACKLISTED"],
            &["BLACKLISTED", "ADDED_TIME"],
            &["CONTACT ID", "DOUBLE_OPT-IN"],
            &["OPT_IN", "DOUBLE_OPT-IN"],
        ],
        columns: &[
            ("BLACKLISTED", "opt_out"),
            ("EMAIL_BLACKLISTED", "opt_out"),
            ("OPT_IN", "opt_in"),
            ("DOUBLE_OPT-IN", "confirmed"),
            ("ADDED_TIME", "created_at"),
            ("VORNAME", "first_name"),
            ("NACHNAME", "last_name"),
            ("PRENOM", "first_name"),
            ("NOM", "last_name"),
            ("SMS", "phone"),
        ],
        fields: &[("LISTS", Text)],
        ignore: &[
            "CONTACT ID",
            "SMS_BLACKLISTED",
            "WHATSAPP",
            "MODIFIED_TIME",
            "LAST_CHANGED",
            "EXT_ID",
            "LANDLINE_NUMBER",
        ],
        statuses: &[],
        split: None,
    },
    Preset {
        name: "activecampaign",
        title: "ActiveCampaign",
        marks: &[
            &["Date Created", "IP", "Status", "Score"],
            &["Date Created", "IP Address", "Status", "Score"],
            &["ContactID", "Tags", "Date Created"],
        ],
        columns: &[("Status", "status"), ("Date Created", "created_at")],
        fields: &[
            ("Tags", List),
            ("Score", Number),
            ("Organization", Text),
            ("Job Title", Text),
        ],
        ignore: &["IP", "IP Address", "ContactID", "ID"],
        statuses: &[("active", Subscribed)],
        split: Some(','),
    },
    Preset {
        name: "listmonk",
        title: "listmonk",
        marks: &[
            &["uuid", "attributes", "status"],
            &["uuid", "attribs", "status"],
        ],
        columns: &[
            ("name", "full_name"),
            ("status", "status"),
            ("created_at", "created_at"),
        ],
        fields: &[("attributes", Text), ("attribs", Text)],
        ignore: &["uuid", "updated_at", "id"],
        statuses: &[
            ("enabled", Subscribed),
            ("disabled", Unsubscribed),
            ("blocklisted", Unsubscribed),
        ],
        split: None,
    },
    Preset {
        name: "ghost",
        title: "Ghost",
        marks: &[
            &["subscribed_to_emails", "complimentary_plan"],
            &["subscribed_to_emails", "stripe_customer_id"],
        ],
        columns: &[
            ("subscribed_to_emails", "opt_in"),
            ("name", "full_name"),
            ("created_at", "created_at"),
        ],
        fields: &[
            ("note", Text),
            ("complimentary_plan", Boolean),
            ("labels", List),
            ("tiers", Text),
        ],
        ignore: &[
            "id",
            "stripe_customer_id",
            "gift_id",
            "deleted_at",
            "products",
        ],
        statuses: &[],
        split: Some(','),
    },
    Preset {
        name: "stripe",
        title: "Stripe",
        marks: &[
            &["Delinquent", "Card ID"],
            &["Created (UTC)", "Delinquent"],
            &["Delinquent", "Total Spend", "Payment Count"],
        ],
        columns: &[("Name", "full_name"), ("Created (UTC)", "created_at")],
        fields: &[
            ("Description", Text),
            ("Delinquent", Boolean),
            ("Currency", Text),
            ("Total Spend", Number),
            ("Payment Count", Number),
            ("Average Order", Number),
            ("Refunded Volume", Number),
            ("Dispute Losses", Number),
            ("Plan", Text),
            // The status of a paid plan, not of consent.
            ("Status", Text),
        ],
        ignore: &["id", "Card ID"],
        statuses: &[],
        split: None,
    },
    Preset {
        name: "kit",
        title: "Kit (ConvertKit)",
        marks: &[
            &[
                "first_name",
                "email",
                "created_at",
                "status",
                "tags",
                "referrer",
            ],
            &["created_at", "status", "tags", "utm_source"],
        ],
        columns: &[("status", "status"), ("created_at", "created_at")],
        fields: &[("tags", List), ("referrer", Text)],
        ignore: &["id", "subscriber_id"],
        statuses: &[
            ("active", Subscribed),
            ("inactive", Pending),
            ("cancelled", Unsubscribed),
        ],
        split: Some(','),
    },
    Preset {
        name: "substack",
        title: "Substack",
        marks: &[&["active_subscription", "email_disabled"]],
        columns: &[("email_disabled", "opt_out"), ("created_at", "created_at")],
        fields: &[
            ("active_subscription", Boolean),
            ("expiry", Datetime),
            ("plan", Text),
            ("first_payment_at", Datetime),
        ],
        ignore: &[],
        statuses: &[],
        split: None,
    },
    Preset {
        name: "mailerlite",
        title: "MailerLite",
        marks: &[
            &["Subscriber", "Status", "Subscribed"],
            &["Subscriber", "Sent", "Opens", "Clicks"],
            &["Email", "Subscribed", "Sent", "Opens"],
        ],
        columns: &[
            ("Subscriber", "email"),
            ("Status", "status"),
            ("Subscribed", "subscribed_at"),
            ("Unsubscribed", "unsubscribed_at"),
        ],
        fields: &[("Groups", List), ("Company", Text)],
        ignore: &[
            "Sent",
            "Opens",
            "Clicks",
            "Location",
            "IP address",
            "Opt-in IP",
            "ID",
        ],
        statuses: &[
            ("active", Subscribed),
            ("unconfirmed", Pending),
            ("junk", Status::Complained),
        ],
        split: Some(','),
    },
    Preset {
        name: "beehiiv",
        title: "beehiiv",
        marks: &[
            &["subscription_tier", "utm_source"],
            &["subscriber_id", "subscription_tier"],
            &["referral_code", "subscription_tier"],
        ],
        columns: &[
            ("status", "status"),
            ("subscribed_at", "subscribed_at"),
            ("created", "created_at"),
            ("created_at", "created_at"),
        ],
        fields: &[
            ("subscription_tier", Text),
            ("utm_source", Text),
            ("tags", List),
        ],
        ignore: &[
            "id",
            "subscriber_id",
            "referral_code",
            "utm_medium",
            "utm_campaign",
            "utm_channel",
            "referring_site",
        ],
        statuses: &[
            ("active", Subscribed),
            ("inactive", Unsubscribed),
            ("validating", Pending),
            ("pending", Pending),
        ],
        split: Some(','),
    },
    Preset {
        name: "mailpoet",
        title: "MailPoet",
        marks: &[
            &["Global status", "List status"],
            &["Subscription status", "Lists"],
        ],
        columns: &[
            ("Subscription status", "status"),
            ("Global status", "status"),
            ("List status", "status"),
        ],
        fields: &[("Lists", Text)],
        ignore: &["IP", "IP address", "Subscribed IP"],
        statuses: &[("inactive", Pending)],
        split: None,
    },
    Preset {
        name: "mautic",
        title: "Mautic",
        marks: &[
            &["doNotEmail"],
            &["preferred_locale", "points"],
            &["dateIdentified", "firstname"],
        ],
        columns: &[
            ("doNotEmail", "opt_out"),
            ("preferred_locale", "language"),
            ("dateIdentified", "created_at"),
            ("zipcode", "postal_code"),
        ],
        fields: &[
            ("company", Text),
            ("position", Text),
            ("points", Number),
            ("tags", List),
            ("title", Text),
        ],
        ignore: &[
            "id",
            "mobile",
            "address1",
            "address2",
            "fax",
            "ownedBy",
            "ip_address",
        ],
        statuses: &[],
        split: None,
    },
    Preset {
        name: "woocommerce",
        title: "WooCommerce",
        marks: &[
            &["AOV", "Total Spend"],
            &["Sign Up", "Total Spend", "Orders"],
        ],
        columns: &[
            ("Name", "full_name"),
            ("Sign Up", "created_at"),
            ("Country / Region", "country"),
            ("City", "city"),
            ("Region", "region"),
            ("Postal Code", "postal_code"),
        ],
        fields: &[
            ("Last Active", Datetime),
            ("Orders", Number),
            ("Total Spend", Number),
            ("AOV", Number),
        ],
        ignore: &["Username"],
        statuses: &[],
        split: None,
    },
    Preset {
        name: "constantcontact",
        title: "Constant Contact",
        marks: &[
            &["Email status", "Email permission status"],
            &["Email address - other", "Email Lists"],
        ],
        columns: &[
            ("Email status", "status"),
            ("Email permission status", "status"),
            ("Confirmed Opt-Out Date", "unsubscribed_at"),
            ("Confirmed Opt-Out Source", "status_reason"),
            ("Confirmed Opt-Out Reason", "status_reason"),
        ],
        fields: &[
            ("Company", Text),
            ("Job title", Text),
            ("Email Lists", Text),
            ("Tags", List),
        ],
        ignore: &["Email update source", "Source Name", "Updated At"],
        statuses: &[],
        split: Some(','),
    },
    Preset {
        name: "campaignmonitor",
        title: "Campaign Monitor",
        marks: &[
            &["Email Address", "Date", "Consent to Track"],
            &["Email Address", "Subscribe Date", "Status"],
        ],
        columns: &[
            ("Name", "full_name"),
            ("Subscribe Date", "subscribed_at"),
            ("Date", "subscribed_at"),
            ("Status", "status"),
        ],
        fields: &[],
        ignore: &["Consent to Track", "Consent to Send SMS"],
        statuses: &[("active", Subscribed), ("deleted", Unsubscribed)],
        split: None,
    },
    Preset {
        name: "eventbrite",
        title: "Eventbrite",
        marks: &[
            &["Order #", "Attendee #"],
            &["Order ID", "Attendee Status"],
            &["Ticket Type", "Attendee Status"],
        ],
        columns: &[
            ("Home City", "city"),
            ("Home State", "region"),
            ("Home Zip", "postal_code"),
            ("Home Country", "country"),
            ("Cell Phone", "phone"),
        ],
        fields: &[
            ("Order Date", Datetime),
            ("Ticket Type", Text),
            ("Total Paid", Number),
            ("Currency", Text),
            ("Attendee Status", Text),
            ("Quantity", Number),
        ],
        ignore: &[
            "Order #",
            "Order ID",
            "Attendee #",
            "Fees Paid",
            "Price Tier",
            "Group",
            "Order Type",
        ],
        statuses: &[],
        split: None,
    },
    Preset {
        name: "linkedin",
        title: "LinkedIn",
        marks: &[&["Connected On", "Email Address"]],
        columns: &[],
        fields: &[
            ("Company", Text),
            ("Position", Text),
            ("Connected On", Date),
        ],
        ignore: &["URL"],
        statuses: &[],
        split: None,
    },
    Preset {
        name: "discourse",
        title: "Discourse",
        marks: &[&["trust_level", "last_seen_at"]],
        columns: &[("name", "full_name"), ("created_at", "created_at")],
        fields: &[
            ("username", Text),
            ("title", Text),
            ("last_seen_at", Datetime),
            ("trust_level", Number),
            ("group_names", List),
        ],
        ignore: &[
            "id",
            "suspended_at",
            "suspended_till",
            "silenced_till",
            "active",
            "admin",
            "moderator",
            "ip_address",
            "staged",
            "secondary_emails",
        ],
        statuses: &[],
        split: Some(';'),
    },
];

impl Preset {
    /// Returns the preset of that name, in any letter case.
    pub fn find(name: &str) -> Option<&'static Preset> {
        let folded = fold(name);
        PRESETS.iter().find(|preset| fold(preset.name) == folded)
    }

    /// Returns the preset whose marks a header has.
    pub fn recognise(header: &[String]) -> Option<&'static Preset> {
        let header: Vec<String> = header.iter().map(|name| fold(name)).collect();
        let has = |mark: &&str| header.contains(&fold(mark));
        PRESETS
            .iter()
            .find(|preset| preset.marks.iter().any(|marks| marks.iter().all(has)))
    }

    /// Returns the recorded option for a column.
    pub fn recorded(&self, column: &str) -> Option<Recorded> {
        // A second column of the same name is called `NAME (2)`.
        let plain = match column.rsplit_once(" (") {
            Some((name, number))
                if number
                    .strip_suffix(')')
                    .is_some_and(|n| n.parse::<u32>().is_ok()) =>
            {
                name
            }
            _ => column,
        };
        let folded = fold(plain);
        let is = |name: &str| fold(name) == folded;
        if let Some((_, field)) = self.columns.iter().find(|(name, _)| is(name)) {
            return Some(Recorded::Column(field));
        }
        if let Some((_, custom_type)) = self.fields.iter().find(|(name, _)| is(name)) {
            return Some(Recorded::Field(*custom_type));
        }
        self.ignore
            .iter()
            .any(|name| is(name))
            .then_some(Recorded::Ignore)
    }
}

/// The recorded option for a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// The column goes to this field.
    Column(&'static str),
    /// The column becomes a custom field.
    Field(CustomType),
    /// The column is left out.
    Ignore,
}

#[cfg(test)]
mod tests {
    use super::super::target::Target;
    use super::*;

    #[test]
    fn presets_name_fields_that_exist_and_each_column_once() {
        for preset in PRESETS {
            let mut named: Vec<String> = preset
                .columns
                .iter()
                .map(|(column, _)| fold(column))
                .collect();
            named.extend(preset.fields.iter().map(|(column, _)| fold(column)));
            named.extend(preset.ignore.iter().map(|column| fold(column)));
            named.sort();
            let count = named.len();
            named.dedup();
            assert_eq!(named.len(), count, "{}", preset.name);
            for (_, field) in preset.columns {
                assert!(Target::builtin(field).is_some(), "{}: {field}", preset.name);
            }
            assert!(!preset.marks.is_empty(), "{}", preset.name);
        }
    }
}
