// @generated automatically by Diesel CLI.

diesel::table! {
    /// Who may ask the API, besides everybody on this machine while there is none.
    api_keys (id) {
        id -> Int8,
        name -> Text,
        /// The beginning of the key, by which people recognise it.
        prefix -> Text,
        /// SHA-256 of the whole key, which itself is stored nowhere.
        sha256 -> Bytea,
        /// Some of read, write and admin.
        scopes -> Array<Nullable<Text>>,
        created_at -> Timestamptz,
        /// From when on the key is worthless; null: never.
        expires_at -> Nullable<Timestamptz>,
        revoked_at -> Nullable<Timestamptz>,
        /// Written at most once a minute.
        last_used_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    /// Who did what, and when: a row for each action, written in its transaction. It holds ids and names of fields, and no values of people. Rows are only added; the daily job removes those that are older than the setting keep_audit.
    audit_log (id) {
        id -> Int8,
        /// The time by the clock of the server or the command.
        at -> Timestamptz,
        /// The name of the mutation, or of what else was done.
        action -> Text,
        /// Who did it: an API key, a session of one, a command, the server itself, or nobody in particular, where a server without API keys was asked.
        actor -> Text,
        /// The name of the API key, or the user of the operating system who ran the command.
        actor_name -> Nullable<Text>,
        /// No foreign key: the row outlives the API key.
        api_key_id -> Nullable<Int8>,
        api_key_prefix -> Nullable<Text>,
        session_id -> Nullable<Int8>,
        /// The IP address from which the request came; of the proxy, where there is one.
        peer -> Nullable<Text>,
        /// The name of the request in the log of the server.
        request_id -> Nullable<Text>,
        /// The kind of thing that it was done to.
        target -> Nullable<Text>,
        /// No foreign key: the row outlives what it is about.
        target_id -> Nullable<Int8>,
        /// The key of a group, segment or custom field, or the prefix of an API key; of entries that a restore lost, their time as FROM/TO.
        target_key -> Nullable<Text>,
        /// Of an action on a list of subscribers, the first 100 of their ids.
        subscriber_ids -> Nullable<Array<Nullable<Int8>>>,
        /// How many subscribers the list had, or how many requests a refusal stands for.
        count -> Nullable<Int8>,
        /// The names of the fields that the request set.
        fields -> Array<Nullable<Text>>,
        /// The version of the rule of a segment before the action.
        version_before -> Nullable<Int4>,
        /// The version of the rule of a segment after the action.
        version_after -> Nullable<Int4>,
    }
}

diesel::table! {
    /// Whom a bulk action changed, for its undoing.
    bulk_action_changes (bulk_action_id, subscriber_id) {
        bulk_action_id -> Int8,
        subscriber_id -> Int8,
        /// What was changed, as it was before: the membership that was removed, or the columns that were set and updated_at.
        before -> Jsonb,
    }
}

diesel::table! {
    /// Whom a bulk action that runs is about, as bitmaps of 8,192 ids as in segment_blocks; removed when it has ended.
    bulk_action_people (bulk_action_id, block) {
        bulk_action_id -> Int8,
        block -> Int4,
        members -> Bytea,
    }
}

diesel::table! {
    /// Changes of many subscribers as jobs: what was asked, how far it is, and what it did.
    bulk_actions (id) {
        id -> Int8,
        /// ready: to be run; running, or left so by a process that died; the others are ends.
        state -> Text,
        /// Whom to change; see src/bulk/people.rs.
        people -> Jsonb,
        /// What to change; see src/bulk/change.rs.
        change -> Jsonb,
        created_at -> Timestamptz,
        /// When it began: the moment that all its changes bear, also those made after it was taken up again.
        started_at -> Nullable<Timestamptz>,
        finished_at -> Nullable<Timestamptz>,
        /// How many subscribers it is about: those who fitted when it began.
        matched -> Nullable<Int8>,
        /// The last block of ids that is done: where it is taken up again.
        last_block -> Int4,
        /// How many of the matched are done, those included who were deleted meanwhile.
        done -> Int8,
        changed -> Int8,
        /// How many kept their status, because only consent raises it.
        withheld -> Int8,
        error -> Nullable<Text>,
        cancel_requested -> Bool,
        /// Until when it is remembered what there was before; then it is forgotten. Null for deletions.
        undo_until -> Nullable<Timestamptz>,
        /// When its undoing was asked for; null again when that has ended.
        undo_asked_at -> Nullable<Timestamptz>,
        /// Why it was not undone when that was asked for last.
        undo_error -> Nullable<Text>,
        undone_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    /// What changed, in the order in which readers are told. Rows are moved here from waiting_changes under one lock, so that they become visible in the order of seq and nothing ever appears before a place that was read.
    changes (seq) {
        /// The place in the order of changes. A change comes after those that its transaction could see.
        seq -> Int8,
        /// When the transaction of the change began.
        at -> Timestamptz,
        /// As waiting_changes.kind. The members that a refresh or the follower changed are read from segment_changes and instant_changes.
        kind -> Text,
        /// As waiting_changes.about.
        about -> Nullable<Int8>,
        /// As waiting_changes.fields.
        fields -> Array<Nullable<Text>>,
        /// How many subscribers it is about. Deleted subscribers are taken out of every row but the one of their deletion.
        number -> Int4,
        /// As waiting_changes.first_id; null if no subscriber is left.
        first_id -> Nullable<Int8>,
        /// As waiting_changes.last_id.
        last_id -> Nullable<Int8>,
        /// The places after first_id, as Rice-coded gaps; see src/audience/gaps.rs. Null if they are all from first_id to last_id.
        ids -> Nullable<Bytea>,
        /// Random. Positions carry it, so that those of another database or of a restored backup are noticed.
        token -> Int8,
    }
}

diesel::table! {
    /// Typed fields that the owner added to subscribers.
    custom_fields (id) {
        id -> Int8,
        /// Immutable name, used in rules as custom.KEY and in subscribers.custom.
        key -> Text,
        label -> Text,
        #[sql_name = "type"]
        type_ -> Text,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        /// Counts the changes of the row, as subscribers.version does.
        version -> Int4,
    }
}

diesel::table! {
    /// Hashes of deleted subscribers, by which a restored backup finds who is to be deleted again. They are kept for ten years, longer than the log of changes, and a restore carries them over. No primary key: rows are looked up by a restore only.
    erased_subscribers (hash) {
        /// HMAC-SHA-256 of id and created_at, see erasure_hash. Neither is kept.
        hash -> Bytea,
        erased_at -> Timestamptz,
    }
}

diesel::table! {
    /// Every event name that was ever recorded, so that a rule about one that never was can be warned about without reading the events. Written by a trigger; a name stays when its events are deleted.
    event_names (name) {
        name -> Text,
    }
}

diesel::table! {
    /// Lifetime figures per subscriber and event name, kept in the same transaction as the events: all-time rules never read the events.
    event_totals (subscriber_id, name) {
        subscriber_id -> Int8,
        name -> Text,
        count -> Int8,
        /// Sum of the values; an event without a value adds 0.
        value_sum -> Numeric,
        first_at -> Timestamptz,
        last_at -> Timestamptz,
    }
}

diesel::table! {
    /// What subscribers did, and when.
    events (id) {
        id -> Int8,
        subscriber_id -> Int8,
        name -> Text,
        occurred_at -> Timestamptz,
        /// Amount of the event in the owner's unit (money, minutes, ...), kept to six decimals so that sums are exact.
        value -> Nullable<Numeric>,
        properties -> Jsonb,
        /// The sender's own name for the event: a second event of the same subscriber, name and key is ignored.
        dedupe_key -> Nullable<Text>,
    }
}

diesel::table! {
    /// Who is in which group, since when.
    group_memberships (group_id, subscriber_id) {
        group_id -> Int8,
        subscriber_id -> Int8,
        added_at -> Timestamptz,
        /// What added the member: import, api, bulk ID, or the segment that was copied, as segment:KEY or segment:KEY@MOMENT.
        source -> Text,
    }
}

diesel::table! {
    /// Members chosen by hand.
    groups (id) {
        id -> Int8,
        /// Immutable name, used in rules, imports and URLs.
        key -> Text,
        name -> Text,
        description -> Nullable<Text>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        /// Counts the changes of the row, as subscribers.version does; memberships are rows of their own.
        version -> Int4,
        /// Free words for people who look for groups; each once without regard to letter case.
        tags -> Array<Nullable<Text>>,
    }
}

diesel::table! {
    /// How far back membership can be told.
    history (id) {
        id -> Int8,
        /// The last refresh whose changes are not kept any more: membership is known since then.
        folded_through -> Int8,
        /// Random: the id of this history, which positions carry. renew_history() draws another. It also stands for the time before the first refresh and the first change.
        token -> Int8,
        /// The row of changes after which all are kept; older rows are removed.
        changes_kept_after -> Int8,
    }
}

diesel::table! {
    /// Whom an import added to which group, for its undoing: one row per committed batch and group.
    import_additions (import_id, number, group_id) {
        import_id -> Int8,
        number -> Int4,
        group_id -> Int8,
        /// Ids of the subscribers, as runs; see src/audience/runs.rs.
        added -> Bytea,
    }
}

diesel::table! {
    /// What an import added, for its undoing: one row per committed batch that added something.
    import_batches (import_id, number) {
        import_id -> Int8,
        number -> Int4,
        /// Ids of the subscribers or events that the batch added, as runs; see src/audience/runs.rs.
        created -> Bytea,
        /// Ids of the subscribers that were made for the events of the batch, as runs.
        people -> Nullable<Bytea>,
    }
}

diesel::table! {
    /// Subscribers whom an import changed, as they were before and were left, for its undoing.
    import_changes (import_id, subscriber_id) {
        import_id -> Int8,
        subscriber_id -> Int8,
        /// The row of subscribers before the import, instants in UTC.
        before -> Jsonb,
        /// The row as the import left it: where it has changed since, undoing would lose that.
        after -> Jsonb,
    }
}

diesel::table! {
    /// Rows of files that were refused, or kept with a remark.
    import_problems (id) {
        id -> Int8,
        import_id -> Int8,
        /// The line of the file on which the row begins, from 1.
        line -> Int8,
        kind -> Text,
        column -> Nullable<Text>,
        /// What the cell holds, shortened.
        value -> Nullable<Text>,
        reason -> Text,
        /// The cells of a row that was refused, as an array of texts: they are handed out to be corrected.
        cells -> Nullable<Jsonb>,
    }
}

diesel::table! {
    /// Suppressions that an import removed, because it was given a reason to address people again, for its undoing.
    import_suppressions (import_id, address_hash) {
        import_id -> Int8,
        address_hash -> Bytea,
        status -> Text,
        since -> Timestamptz,
    }
}

diesel::table! {
    /// Imports of files: what was asked, how far it is, and what it did.
    imports (id) {
        id -> Int8,
        kind -> Text,
        /// waiting: for the file; ready: to be run; analyzed: to be started; running, or left so by a process that died; the others are ends, of which failed and cancelled can be taken up again while the file is there.
        state -> Text,
        /// What was asked for; see src/import/plan/options.rs.
        options -> Jsonb,
        file_name -> Text,
        /// Where the file is on the machine that runs the import; null before it has come and after it was removed.
        file_path -> Nullable<Text>,
        file_size -> Int8,
        /// XXH64 of the file, so that another file of the same name is not taken for it.
        file_hash -> Nullable<Text>,
        /// Whether the file is a copy of our own, removed when it is not needed any more.
        is_spooled -> Bool,
        created_at -> Timestamptz,
        /// When it began first: the moment that all its changes bear, also those made after it was taken up again.
        started_at -> Nullable<Timestamptz>,
        finished_at -> Nullable<Timestamptz>,
        /// Rows of the file up to the end of the last committed batch: where it is taken up again.
        done_rows -> Int8,
        done_bytes -> Int8,
        batches -> Int4,
        /// The report so far; see src/import/report.rs.
        counts -> Jsonb,
        /// What was found out about the file: encoding, delimiter, header and where its columns go.
        form -> Nullable<Jsonb>,
        /// Groups and custom fields that the import made.
        made -> Jsonb,
        error -> Nullable<Text>,
        cancel_requested -> Bool,
        /// Until when it is remembered what there was before; then it is forgotten.
        undo_until -> Nullable<Timestamptz>,
        undone_at -> Nullable<Timestamptz>,
        /// When its undoing was asked for; null again when that has ended. What a dead process left is done by the next server.
        undo_asked_at -> Nullable<Timestamptz>,
        /// Why it was not undone when that was asked for last.
        undo_error -> Nullable<Text>,
        /// What an import would do with its file, found out before a row was written; see src/import/plan/analysis.rs.
        analysis -> Nullable<Jsonb>,
        /// Whether it stops when its file was looked at, until somebody starts it.
        waits_for_start -> Bool,
    }
}

diesel::table! {
    /// Who joined or left an instant segment between refreshes; of deleted subscribers the bare id.
    instant_changes (id) {
        id -> Int8,
        segment_id -> Int8,
        subscriber_id -> Int8,
        /// The moment for which the rule was evaluated.
        changed_at -> Timestamptz,
        joined -> Bool,
        /// The last refresh that had written its members by then: the change comes after it and before the next.
        refresh_id -> Int8,
        /// Random, as refreshes.token.
        token -> Int8,
    }
}

diesel::table! {
    /// Which programs can work on these tables, one row. Servers are upgraded one by one: those of the previous release go on, and may be started again, after a newer one has migrated.
    oldest_program (is_only) {
        is_only -> Bool,
        /// Programs that do not know this migration cannot work on these tables. A migration that takes away what older programs use names here a migration of the first release that did not use it any more.
        migration -> Text,
    }
}

diesel::table! {
    /// Runs of the evaluation, newest id last.
    refreshes (id) {
        id -> Int8,
        trigger -> Text,
        /// The one moment that all relative dates of the run count from.
        as_of -> Timestamptz,
        started_at -> Timestamptz,
        finished_at -> Nullable<Timestamptz>,
        state -> Text,
        error -> Nullable<Text>,
        /// How many of the ids have been evaluated so far; also of a run that failed.
        done_ids -> Int8,
        /// How many ids there are to evaluate; 0 before the run has begun with them.
        total_ids -> Int8,
        /// Random. Positions and cursors carry it, so that those of another database or of a restored backup are noticed.
        token -> Int8,
    }
}

diesel::table! {
    /// When each recurring job last ran, so that a restart neither repeats nor forgets it.
    schedules (name) {
        name -> Text,
        /// The moment for which the job ran (its due time, not the time of the run).
        last_run_at -> Timestamptz,
    }
}

diesel::table! {
    /// Membership of segments as bitmaps; a block without members has no row.
    segment_blocks (block, segment_id) {
        segment_id -> Int8,
        /// subscribers.id >> 13: 8,192 consecutive ids.
        block -> Int4,
        /// 1,024 bytes; bit id & 8191 is set for members, least significant bit first, as get_bit counts.
        members -> Bytea,
    }
}

diesel::table! {
    /// Who joined or left a segment in a refresh. A first fill has no rows: before it the segment was empty.
    segment_changes (segment_id, chunk, refresh_id) {
        segment_id -> Int8,
        /// subscribers.id >> 17: 131,072 consecutive ids.
        chunk -> Int4,
        refresh_id -> Int8,
        /// The places in the chunk that changed, as Rice-coded gaps; see src/audience/gaps.rs.
        changed -> Bytea,
    }
}

diesel::table! {
    /// How many members each segment has, kept by triggers of segment_blocks. Transactions that write blocks hold the lock of members, so none of them waits for these rows. A segment that never had a member has no row.
    segment_counts (segment_id) {
        segment_id -> Int8,
        /// How many bits are set in the blocks of the segment.
        members -> Int8,
    }
}

diesel::table! {
    /// Every rule a segment ever had.
    segment_definitions (segment_id, version) {
        segment_id -> Int8,
        version -> Int4,
        rule -> Jsonb,
        created_at -> Timestamptz,
        /// Who wrote the version, as audit_log.actor; null for versions from before there was an audit log.
        written_by -> Nullable<Text>,
        /// As audit_log.actor_name.
        written_by_name -> Nullable<Text>,
        /// As audit_log.api_key_prefix.
        written_by_prefix -> Nullable<Text>,
    }
}

diesel::table! {
    /// Members of a segment who were deleted: bare ids, kept as long as the changes of segments.
    segment_deletions (id) {
        /// Drawn from the sequence of instant_changes.id, so that both tables have one order.
        id -> Int8,
        segment_id -> Int8,
        /// subscribers.id >> 17: 131,072 consecutive ids.
        chunk -> Int4,
        deleted_at -> Timestamptz,
        /// The last refresh that had written its members by then: the deletion comes after it and before the next.
        refresh_id -> Int8,
        /// How many ids there are in deleted.
        number -> Int4,
        /// The places in the chunk of the deleted members, as Rice-coded gaps; see src/audience/gaps.rs.
        deleted -> Bytea,
        /// Random, as refreshes.token.
        token -> Int8,
    }
}

diesel::table! {
    /// What the rule of a segment uses, by key; written with the rule.
    segment_dependencies (segment_id, kind, name) {
        segment_id -> Int8,
        kind -> Text,
        name -> Text,
    }
}

diesel::table! {
    /// What one refresh did to one segment.
    segment_refreshes (segment_id, refresh_id) {
        refresh_id -> Int8,
        segment_id -> Int8,
        definition_version -> Int4,
        member_count -> Int8,
        /// How many this refresh found to have joined.
        joined -> Int8,
        /// How many this refresh found to have left.
        left -> Int8,
        /// Why the rule could not be evaluated; the members then stay as they were.
        problems -> Jsonb,
        /// How many joins there were between the previous refresh of the segment and this one.
        joined_between -> Int8,
        /// How many leaves there were between the previous refresh of the segment and this one.
        left_between -> Int8,
        /// How many members were deleted between the refresh of the segment before this one and this one. member_count is that of the refresh before + joined + joined_between - left - left_between - deleted.
        deleted -> Int8,
        /// How long evaluating the conditions of the rule took, in microseconds of all workers together. A condition that several rules share counts for each. Null if the rule was not evaluated, or by a version that did not measure it.
        evaluation_micros -> Nullable<Int8>,
    }
}

diesel::table! {
    /// Members chosen by a rule. A refresh never updates these rows.
    segments (id) {
        id -> Int8,
        key -> Text,
        name -> Text,
        description -> Nullable<Text>,
        /// Versioned document: {"v": 1, "root": NODE}.
        rule -> Jsonb,
        /// Grows by one whenever the rule changes, and when the segment begins to follow at once.
        definition_version -> Int4,
        /// Archived segments keep their last members and are not refreshed.
        archived_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        /// daily: the members change in refreshes only. instant: a change of a subscriber is followed at once.
        mode -> Text,
        /// The last refresh that may have used an earlier time zone: members of it and of older refreshes are pending. 0 if the time zone never changed.
        stale_through -> Int8,
        /// Counts the changes of the row, as subscribers.version does; definition_version counts those of the rule.
        version -> Int4,
        /// Free words for people who look for segments; each once without regard to letter case.
        tags -> Array<Nullable<Text>>,
    }
}

diesel::table! {
    /// Browsers that signed in to the console with an API key. A session ends with its key.
    sessions (id) {
        id -> Int8,
        api_key_id -> Int8,
        /// SHA-256 of the token in the cookie, which itself is stored nowhere.
        sha256 -> Bytea,
        /// A session ends 7 days after it, however much it is used.
        started_at -> Timestamptz,
        /// Written at most once a minute. A session ends 12 hours after it.
        last_used_at -> Timestamptz,
    }
}

diesel::table! {
    /// What gives rules their meaning, and for how long changes are kept: the same for every server and command. The first start writes the rows.
    settings (key) {
        key -> Text,
        value -> Text,
    }
}

diesel::table! {
    /// Every change of the status of a subscriber, written by a trigger. A status that never changed has no row.
    status_changes (id) {
        id -> Int8,
        subscriber_id -> Int8,
        /// The status before. For a new subscriber with the address of a deleted one: the status that was kept for the address, null where the new subscriber was given that one.
        from_status -> Nullable<Text>,
        to_status -> Text,
        changed_at -> Timestamptz,
        /// Where the change came from: api, import ID, undo of import ID, bulk ID, undo of bulk ID, suppression (the status was kept for the address of a deleted subscriber), or sql for everything that does not say.
        source -> Text,
        /// Why the subscriber may be addressed again; null unless the change is from unsubscribed, bounced or complained to another status.
        reason -> Nullable<Text>,
        /// Where the subscriber gave consent, in the words of the sender.
        consent_source -> Nullable<Text>,
    }
}

diesel::table! {
    /// How many subscribers have a status: the sum of its rows. Each statement adds a row with what it changes, so that statements never wait for each other; the rows are added up now and then.
    subscriber_counts (id) {
        id -> Int8,
        status -> Text,
        /// How many more subscribers have the status than before; less than zero where fewer have.
        count -> Int8,
    }
}

diesel::table! {
    /// Ids of deleted subscribers, written by a trigger and kept as long as the changes of segments. A refresh whose snapshot still saw one leaves it out.
    subscriber_deletions (subscriber_id) {
        subscriber_id -> Int8,
        deleted_at -> Timestamptz,
        /// The last refresh that had written its members when the subscriber was taken out of the segments; null while that is to be done, after a deletion in plain SQL.
        refresh_id -> Nullable<Int8>,
        /// When the row of the deleted subscriber was made: with it a restored backup finds who is to be deleted again. Null for deletions before this column.
        created_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    /// People who can be addressed. Ids are dense and never reused, because membership is stored as bitmaps over them.
    subscribers (id) {
        id -> Int8,
        /// Trimmed and lower-cased; the identity of a subscriber for imports and the API. Collation C, so that its order is the same on every server.
        email -> Text,
        status -> Text,
        first_name -> Nullable<Text>,
        last_name -> Nullable<Text>,
        phone -> Nullable<Text>,
        /// ISO 3166-1 alpha-2, upper case.
        country -> Nullable<Text>,
        region -> Nullable<Text>,
        city -> Nullable<Text>,
        postal_code -> Nullable<Text>,
        /// Degrees north, WGS 84.
        latitude -> Nullable<Float8>,
        /// Degrees east, WGS 84.
        longitude -> Nullable<Float8>,
        /// BCP 47 tag, lower case.
        language -> Nullable<Text>,
        timezone -> Nullable<Text>,
        birthday -> Nullable<Date>,
        /// Where the subscriber came from, in the words of whoever added them.
        source -> Nullable<Text>,
        /// Values of custom fields by key, typed at the door: text and date as string, datetime as RFC 3339 string in UTC, number as number, boolean as boolean, list as array of strings.
        custom -> Jsonb,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        /// When the status last became subscribed.
        subscribed_at -> Nullable<Timestamptz>,
        /// When the status last left subscribed for unsubscribed, bounced or complained.
        unsubscribed_at -> Nullable<Timestamptz>,
        /// Counts the changes of the row, so that a change can be refused if its sender has not seen the one before.
        version -> Int4,
    }
}

diesel::table! {
    /// The secret of this database behind the hashes of suppressions, one row. Without it an address cannot be tested against the hashes.
    suppression_key (is_only) {
        is_only -> Bool,
        /// The secret, 32 random bytes, padded with zeros to a block of 64 bytes, XOR 0x36, as HMAC (RFC 2104) needs it.
        inner_key -> Bytea,
        /// The same, XOR 0x5c.
        outer_key -> Bytea,
    }
}

diesel::table! {
    /// Addresses not to be addressed although no subscriber has them any more: of deleted subscribers who had unsubscribed, bounced or complained, and the former addresses of such subscribers. Explicit consent removes a row.
    suppressions (address_hash) {
        /// HMAC-SHA-256 of the address in its stored form, see suppression_hash. The address itself is not kept.
        address_hash -> Bytea,
        /// The status that a subscriber with this address gets.
        status -> Text,
        /// When the deleted subscriber got that status.
        since -> Timestamptz,
    }
}

diesel::table! {
    /// Subscribers who changed while instant segments exist, written by triggers in the transaction of the change.
    touches (id) {
        id -> Int8,
        subscriber_id -> Int8,
        /// The moment for which the instant segments were evaluated after the change; null while that is to be done. Followed rows are kept while a refresh runs, whose snapshot may be older than the change.
        followed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    /// Subscribers whose address was stored before addresses had one form. Each start of the program cleans them; those stay whose cleaned address another subscriber has.
    unclean_addresses (subscriber_id) {
        subscriber_id -> Int8,
    }
}

diesel::table! {
    /// What changed and has no place in the order of changes yet: written by triggers in the transaction of the change, one row per statement, kind and chunk of 131,072 ids. See src/changes.
    waiting_changes (id) {
        /// Drawn when the change is made. Transactions commit in another order, which is why readers read the table changes.
        id -> Int8,
        /// When the transaction of the change began.
        at -> Timestamptz,
        /// refreshed: a refresh wrote its members; followed: instant segments followed changes; the others are what their names say.
        kind -> Text,
        /// The id of the group, segment, custom field, refresh or import.
        about -> Nullable<Int8>,
        /// The columns that changed in any of the rows; custom fields as custom.KEY.
        fields -> Array<Nullable<Text>>,
        /// How many subscribers it is about.
        number -> Int4,
        /// The least id of these subscribers; for followed, of the rows of instant_changes.
        first_id -> Nullable<Int8>,
        /// The greatest of these ids.
        last_id -> Nullable<Int8>,
        /// The ids, in any order; null if they are all from first_id to last_id.
        ids -> Nullable<Array<Nullable<Int8>>>,
    }
}

diesel::table! {
    /// The last attempts to deliver messages, 100 of each endpoint for 30 days at most. Messages themselves are not stored.
    webhook_attempts (id) {
        id -> Int8,
        webhook_id -> Int8,
        /// The webhook-id of the message, a hash. Attempts with the same message have the same.
        message_id -> Text,
        #[sql_name = "type"]
        type_ -> Text,
        /// The number of the attempt for this message, from 1.
        attempt -> Int4,
        attempted_at -> Timestamptz,
        took_ms -> Int4,
        is_delivered -> Bool,
        /// The HTTP status; null if there was no answer.
        status -> Nullable<Int4>,
        /// Why there was no answer.
        error -> Nullable<Text>,
        /// The beginning of the answer, without what the message said about people. It is removed when a deletion of subscribers gets its place in the table changes.
        answer -> Nullable<Text>,
    }
}

diesel::table! {
    /// Endpoints of other systems that are told of changes. Each reads the log of changes with a cursor of its own: position and part.
    webhooks (id) {
        id -> Int8,
        name -> Text,
        url -> Text,
        /// The types of messages that the endpoint gets; see src/webhook/message_type.rs.
        types -> Array<Nullable<Text>>,
        /// The segments that the endpoint follows; null: all.
        segment_ids -> Nullable<Array<Nullable<Int8>>>,
        /// The groups that the endpoint follows; null: all.
        group_ids -> Nullable<Array<Nullable<Int8>>>,
        /// The fields of people that messages have beside id and email.
        fields -> Array<Nullable<Text>>,
        people_per_message -> Int4,
        /// The secret that signs messages: whsec_ and base64. It is shown once and stored because every message needs it.
        secret -> Text,
        /// The secret before the last rotation, which signs too until previous_secret_until.
        previous_secret -> Nullable<Text>,
        previous_secret_until -> Nullable<Timestamptz>,
        /// manual: by an administrator; gone: the endpoint answered 410; failing: every attempt failed for three days. Null: enabled.
        disabled_reason -> Nullable<Text>,
        disabled_since -> Nullable<Timestamptz>,
        /// The position in the log of changes up to which everything was delivered.
        position -> Text,
        /// How many parts of a change that takes several messages were delivered; 0 if the next message begins another change.
        part -> Int4,
        /// Counts replays. It is part of the ids of messages, so that receivers do not take replayed messages for repeated ones.
        round -> Int4,
        /// How many attempts have failed since the last success.
        failures -> Int4,
        /// When the first of them failed.
        failing_since -> Nullable<Timestamptz>,
        /// Before it no attempt is made.
        next_attempt_at -> Timestamptz,
        /// Until then the server that has lease_token delivers to the endpoint, and no other.
        lease_until -> Nullable<Timestamptz>,
        /// Random. A server whose token is gone records nothing.
        lease_token -> Nullable<Int8>,
        /// Counts the changes by administrators, so that a change can be refused if its sender has not seen the one before.
        version -> Int4,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::joinable!(bulk_action_changes -> bulk_actions (bulk_action_id));
diesel::joinable!(bulk_action_changes -> subscribers (subscriber_id));
diesel::joinable!(bulk_action_people -> bulk_actions (bulk_action_id));
diesel::joinable!(import_additions -> imports (import_id));
diesel::joinable!(import_batches -> imports (import_id));
diesel::joinable!(import_changes -> imports (import_id));
diesel::joinable!(import_problems -> imports (import_id));
diesel::joinable!(import_suppressions -> imports (import_id));
diesel::joinable!(instant_changes -> segments (segment_id));
diesel::joinable!(segment_blocks -> segments (segment_id));
diesel::joinable!(segment_changes -> refreshes (refresh_id));
diesel::joinable!(segment_changes -> segments (segment_id));
diesel::joinable!(segment_counts -> segments (segment_id));
diesel::joinable!(segment_definitions -> segments (segment_id));
diesel::joinable!(segment_deletions -> segments (segment_id));
diesel::joinable!(segment_dependencies -> segments (segment_id));
diesel::joinable!(segment_refreshes -> refreshes (refresh_id));
diesel::joinable!(segment_refreshes -> segments (segment_id));
diesel::joinable!(sessions -> api_keys (api_key_id));
diesel::joinable!(status_changes -> subscribers (subscriber_id));
diesel::joinable!(unclean_addresses -> subscribers (subscriber_id));
diesel::joinable!(webhook_attempts -> webhooks (webhook_id));

diesel::allow_tables_to_appear_in_same_query!(
    api_keys,
    audit_log,
    bulk_action_changes,
    bulk_action_people,
    bulk_actions,
    changes,
    custom_fields,
    erased_subscribers,
    event_names,
    event_totals,
    events,
    group_memberships,
    groups,
    history,
    import_additions,
    import_batches,
    import_changes,
    import_problems,
    import_suppressions,
    imports,
    instant_changes,
    oldest_program,
    refreshes,
    schedules,
    segment_blocks,
    segment_changes,
    segment_counts,
    segment_definitions,
    segment_deletions,
    segment_dependencies,
    segment_refreshes,
    segments,
    sessions,
    settings,
    status_changes,
    subscriber_counts,
    subscriber_deletions,
    subscribers,
    suppression_key,
    suppressions,
    touches,
    unclean_addresses,
    waiting_changes,
    webhook_attempts,
    webhooks,
);
