//! Files on canaries: taken, refused, lost on the way; in their names and in what they hold.

use domain::Opco;
use harness::erp;
use harness::pieces::{Form, convention, document};
use serde_json::json;

use super::Course;
use crate::canary::Canary;

impl Course {
    /// Hands in files whose names and contents are canaries.
    pub(super) async fn filed(&mut self) {
        let contract = self.contract(Opco::Akto);
        let first = self.erp.submit(&contract).await;
        let agreement = convention(&contract).of(&first);
        let mut ids = Vec::new();
        for (piece, form) in [
            (agreement.clone(), Form::Multipart),
            (document("CONVENTION_MOBILITE").of(&first), Form::Base64),
        ] {
            let (name, pdf) = self.file();
            let piece = piece.filed(Some((&name, pdf)));
            let key = self.idempotency_key();
            let headers = [("idempotency-key", key.as_str())];
            let taken = self.erp.hand_in(&piece, form, &headers).await;
            ids.push(erp::id(&taken.expect(202)));
            let again = self.erp.hand_in(&piece, Form::Turned, &headers).await;
            again.expect(202);
            self.erp.validate(&piece, form).await.expect(200);
        }
        for id in &ids {
            self.erp.until_delivered(id).await;
        }
        // Refused for what they are, and for what comes with them.
        let (name, pdf) = self.file();
        let cut = pdf[..pdf.len() / 2].to_vec();
        for form in [Form::Multipart, Form::Base64] {
            let spoilt = agreement.clone().filed(Some((&name, cut.clone())));
            self.erp.hand_in(&spoilt, form, &[]).await.expect(422);
            let unsigned = agreement.clone().filed(Some((&name, pdf.clone())));
            let unsigned = unsigned.with("mandatEmployeur", json!(false));
            self.erp.hand_in(&unsigned, form, &[]).await.expect(422);
        }
        let lost = json!({"kind": "lost_answer", "route": "conventions", "times": 1});
        self.fault(Opco::Akto, lost).await;
        let (name, pdf) = self.file();
        let agreement = agreement.filed(Some((&name, pdf)));
        let taken = self.erp.hand_in(&agreement, Form::Turned, &[]).await;
        self.settled(&erp::id(&taken.expect(202))).await;
    }

    /// Draws the name of a PDF and what it holds.
    fn file(&mut self) -> (String, Vec<u8>) {
        let (name, text) = (self.word(), self.word());
        self.canaries
            .push(Canary::text("the name of a file", &name));
        self.canaries
            .push(Canary::text("the content of a file", &text));
        let text = format!(
            "%PDF-1.7\n1 0 obj <<>> stream\n{}\nendstream endobj\ntrailer <<>>\nstartxref\n9\n%%EOF\n",
            format!("{text}\n").repeat(4_000)
        );
        (format!("{name}.pdf"), text.into_bytes())
    }
}
