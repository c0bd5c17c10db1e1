//! The payloads of one stage: prepared, lost, ended.

use domain::Opco;
use harness::database::Engine;
use harness::erp::{self, Erp};
use harness::network;
use harness::payload::{Contract, contract};
use harness::pieces::{Form, Piece, facture, files};
use harness::stage::Stage;
use harness::wait;
use serde_json::Value;
use simulator::{Codification, Dpop, Fault, FaultKind, Overrides, Progress, Scope};

use super::payload::{Before, Payload, opcos};
use super::{Cell, Cells, Column, Loss, expected};

/// One payload that will lose its answer.
struct Case {
    payload: Payload,
    loss: Loss,
    opco: Opco,
    contract: Contract,
    /// The delivery of the contract, where the payload follows one.
    first: String,
    /// The OPCO's number of the contract.
    numero: String,
    /// What it owes first.
    owed: (i64, i64),
    piece: Option<Piece>,
    id: String,
}

/// All of a stage.
pub(super) struct Cases {
    all: Vec<Case>,
    /// How many files were handed in before.
    files: usize,
}

impl Cases {
    /// Delivers every contract that something follows, and what must be there before that.
    pub(super) async fn prepared(stage: &mut Stage, column: Column) -> Self {
        for (opco, flows) in opcos() {
            network::open_only(&stage.store, opco, flows, stage.now()).await;
            stage.opcos.open_all(opco);
            // Committed to at once, every line labelled as the certificates say, and no proof whose
            // age would tell that the gateways' clock leaps.
            let quick = Overrides {
                progress: Some(Progress {
                    instruction_ms: Some(1),
                    decision_ms: Some(1),
                    deca_ms: 0,
                }),
                codification: Some(Codification::A),
                dpop: Some(Dpop::Off),
                ..Overrides::default()
            };
            stage.opcos.configure(opco, &quick);
        }
        // Each way to lose an answer at another OPCO in each column.
        let turn = usize::from(column.0) * 2 + usize::from(column.1 == Engine::Postgres);
        let places = Loss::ALL.into_iter().enumerate();
        let all = places.flat_map(|(place, loss)| {
            let cases = Payload::ALL.into_iter().enumerate();
            cases.map(move |(kind, payload)| {
                let opco = payload.opco(place + turn);
                Case::new(payload, loss, opco, 5_000 + place * 20 + kind)
            })
        });
        let mut cases = Self {
            all: all.collect(),
            files: 0,
        };
        stage.serve().await;
        cases.contracts(&stage.erp).await;
        cases.schedules(&stage.erp).await;
        cases.invoices(&stage.erp).await;
        for case in &mut cases.all {
            case.write();
        }
        stage.stop().await;
        cases
    }

    async fn contracts(&mut self, erp: &Erp) {
        let following = |case: &&mut Case| case.payload.before() > Before::Nothing;
        for case in self.all.iter_mut().filter(following) {
            case.first = erp.submit(&case.contract).await;
        }
        for case in self.all.iter_mut().filter(following) {
            let delivered = erp.until_delivered(&case.first).await;
            let numero = delivered["numero_interne"].as_str().unwrap();
            numero.clone_into(&mut case.numero);
        }
    }

    async fn schedules(&mut self, erp: &Erp) {
        let engaged = |case: &&mut Case| case.payload.before() >= Before::Engagement;
        for case in self.all.iter_mut().filter(engaged) {
            case.known(erp).await;
        }
    }

    async fn invoices(&mut self, erp: &Erp) {
        let credited = |case: &&Case| case.payload.before() == Before::Invoice;
        let mut invoices = Vec::new();
        for case in self.all.iter().filter(credited) {
            let bill = facture(&case.contract, &case.invoice(), case.owed).of(&case.first);
            let accepted = erp.hand_in(&bill, Form::Multipart, &[]).await.expect(202);
            invoices.push(erp::id(&accepted));
        }
        for id in &invoices {
            erp.until_delivered(id).await;
        }
        self.files += invoices.len();
    }

    fn of(&self, loss: Loss) -> impl Iterator<Item = &Case> {
        self.all.iter().filter(move |case| case.loss == loss)
    }

    async fn hand_in(&mut self, erp: &Erp, loss: Loss) {
        for case in self.all.iter_mut().filter(|case| case.loss == loss) {
            case.hand_in(erp).await;
        }
    }

    /// Sends what a death overtakes, before it left and after it arrived, and kills the process.
    pub(super) async fn killed(&mut self, stage: &mut Stage) {
        for case in self.of(Loss::Taken) {
            case.fault(stage, Fault::new(FaultKind::Hang).after_commit());
        }
        // Without a token nothing leaves.
        let mute = Fault::new(FaultKind::Hang).on(Scope::Token);
        let silent: Vec<Opco> = self.of(Loss::Unsent).map(|case| case.opco).collect();
        for opco in &silent {
            stage.opcos.fault(*opco, mute.clone());
        }
        stage.serve().await;
        self.hand_in(&stage.erp, Loss::Taken).await;
        for case in self.of(Loss::Taken) {
            wait::until("the OPCO has it", async || {
                (case.taken(stage) == 1).then_some(())
            })
            .await;
        }
        self.hand_in(&stage.erp, Loss::Unsent).await;
        wait::until("all of it under way", async || {
            for case in self.of(Loss::Unsent) {
                let delivery = stage.erp.delivery(&case.id).await;
                (delivery["status"] == "sending").then_some(())?;
            }
            Some(())
        })
        .await;
        stage.kill().await;
        for opco in &silent {
            stage.opcos.heal(*opco);
        }
    }

    /// Starts again, and sends what loses its answer while the process lives.
    pub(super) async fn unanswered(&mut self, stage: &mut Stage) {
        for case in &self.all {
            let fault = match case.loss {
                Loss::Cut => Fault::new(FaultKind::LostAnswer),
                Loss::Silent => Fault::new(FaultKind::Hang).after_commit(),
                Loss::Broken => Fault::new(FaultKind::DropBeforeCommit),
                Loss::Unsent | Loss::Taken => continue,
            };
            case.fault(stage, fault);
        }
        stage.serve().await;
        for loss in [Loss::Silent, Loss::Cut, Loss::Broken] {
            self.hand_in(&stage.erp, loss).await;
        }
    }

    /// Waits until nothing more happens by itself, and tells what became of each.
    pub(super) async fn ended(self, stage: &Stage, again: bool) -> Cells {
        let mut cells = Cells::new();
        let mut files_kept = self.files;
        for case in &self.all {
            files_kept += usize::from(case.has_file());
            let cell = case.ended(stage, again).await;
            let cell = cell.map_err(|why| format!("{}: {why}", case.key()));
            cells.insert((case.payload, case.loss), cell);
        }
        let folder = stage.database.folder.join("files");
        let count = async || files(&folder).len();
        wait::until_value("the files", count, |found| *found == files_kept).await;
        cells
    }
}

impl Case {
    fn new(payload: Payload, loss: Loss, opco: Opco, seed: usize) -> Self {
        Self {
            payload,
            loss,
            opco,
            contract: contract(u64::try_from(seed).unwrap()).to(opco),
            first: String::new(),
            numero: String::new(),
            owed: (0, 0),
            piece: None,
            id: String::new(),
        }
    }

    fn is_contract(&self) -> bool {
        self.payload.before() == Before::Nothing
    }

    fn key(&self) -> String {
        format!("{:?}-{:?}", self.payload, self.loss)
    }

    /// Returns the number of the invoice of its contract.
    fn invoice(&self) -> String {
        format!("F-{}", self.key())
    }

    /// Waits until the gateway knows what the payload needs of its contract.
    async fn known(&mut self, erp: &Erp) {
        let path = format!("/api/v1/dossiers?opco={}&numero={}", self.opco, self.numero);
        let page = erp.get(&path).await.expect(200);
        let dossier = page["dossiers"][0]["id"].as_str().unwrap();
        let path = format!("/api/v1/dossiers/{dossier}");
        let read = async || erp.get(&path).await.expect(200);
        let schedule = wait::until_value("its schedule", read, |dossier| {
            dossier["echeancier"]["facturable"][0].is_object()
        })
        .await;
        let first = &schedule["echeancier"]["facturable"][0];
        self.owed = (
            first["numero"].as_i64().unwrap(),
            first["pedagogie_cents"].as_i64().unwrap(),
        );
    }

    fn write(&mut self) {
        let piece = self
            .payload
            .piece(&self.contract, &self.invoice(), self.owed);
        self.piece = Some(match self.payload.before() {
            Before::Nothing => piece,
            _ => piece.of(&self.first),
        });
    }

    fn has_file(&self) -> bool {
        self.piece
            .as_ref()
            .is_some_and(|piece| piece.file.is_some())
    }

    async fn handed_in(&self, erp: &Erp, form: Form) -> erp::Answer {
        let key = self.key();
        let headers = [("idempotency-key", key.as_str())];
        erp.hand_in(self.piece.as_ref().unwrap(), form, &headers)
            .await
    }

    async fn hand_in(&mut self, erp: &Erp) {
        let form = if self.has_file() {
            Form::Multipart
        } else {
            Form::Base64
        };
        let accepted = self.handed_in(erp, form).await.expect(202);
        self.id = erp::id(&accepted);
    }

    /// Turns a fault on for one call of its route.
    fn fault(&self, stage: &Stage, fault: Fault) {
        stage
            .opcos
            .fault(self.opco, fault.on(self.payload.route()).times(1));
    }

    /// Returns how often the OPCO has it.
    fn taken(&self, stage: &Stage) -> usize {
        if self.is_contract() {
            return stage.opcos.taken(self.opco, &self.contract).len();
        }
        let numero = self.piece.as_ref().unwrap().json["numero"].as_str();
        let handle = stage.opcos.handle();
        let page = handle.ledger_of(Some(self.opco.slug()), self.payload.kind(), 0, 1_000);
        let its = page.unwrap().entries.into_iter().filter(|entry| {
            let named = numero.is_none_or(|numero| entry.numero_externe == numero);
            named && entry.dossiers.contains(&self.numero)
        });
        its.count()
    }

    async fn ended(&self, stage: &Stage, again: bool) -> Cell {
        let ended = stage.erp.until(&self.id, "an end", is_end).await;
        let (status, times, most) = expected(self.payload.read(), self.loss, again);
        let reason = &ended["reason"];
        let found = self.taken(stage);
        let purpose = |attempt: &&Value| attempt["purpose"] == "write";
        let attempts = ended["attempts"].as_array().unwrap();
        let writes = u64::try_from(attempts.iter().filter(purpose).count()).unwrap();
        let files = usize::from(ended["file"].is_object());
        let told = format!(
            "{} {found}x, {writes}w, {files}f",
            ended["status"].as_str().unwrap()
        );
        if ended["status"] != status || (status == "held" && *reason != "outcome_unknown") {
            return Err(format!("{told} ({reason}: {})", ended["fault"]));
        }
        if found != times || writes > most || (files == 1) != self.has_file() {
            return Err(format!("{told}, not {times}x in {most}w: {attempts:?}"));
        }
        if self.is_contract() && status == "delivered" {
            let told = ended["numero_interne"].as_str();
            let taken = stage.opcos.taken(self.opco, &self.contract);
            if told != Some(taken[0].numero_interne.as_str()) {
                return Err(format!("its number is {told:?}"));
            }
        }
        let repeated = self.handed_in(&stage.erp, Form::Base64).await;
        let replayed = repeated.header("idempotency-replayed").is_some();
        if repeated.status != 202 || !replayed || erp::id(&repeated.json()) != self.id {
            return Err(format!("forgotten: {} {}", repeated.status, repeated.text));
        }
        Ok(told)
    }
}

/// Returns whether nothing more happens by itself.
fn is_end(delivery: &Value) -> bool {
    let ends = ["delivered", "rejected", "dead", "cancelled", "held"];
    ends.iter().any(|end| delivery["status"] == *end)
}
