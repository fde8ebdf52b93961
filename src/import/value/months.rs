//! Names of months and of days of the week in the larger languages of Europe, from CLDR 48, folded.
//!
//! A word that names two months is left out: `listopad` is November in Poland and October in Croatia.

/// The names of each month, separated by blanks.
const MONTHS: [&str; 12] = [
    "degener ean eanair ene enero gen gener gennaio ian ianuarie jaan jaanuar jan janar janeiro januar januara \
     januari january janv janvaris janvier led leden ledna oca ocak sausio sausis sij sijecanj sijecnja sty styczen \
     stycznia tammi tammikuu tammikuuta urt urtarrila xan xaneiro ιαν ιανουαριου сту студзень студзеня січ січень \
     січня янв январь января януари јан јануар јануари",
    "defebrer feabh feabhra feb febbraio febr febreiro febrer febrero februar februara februari februarie februaris \
     february fev fevereiro fevr fevrier helmi helmikuu helmikuuta lut lutego luty ots otsaila shk shkurt sub subat \
     uno unor unora vasario vasaris veebr veebruar velj veljaca veljace φεβ φεβρουαριου лют лютага лютии лютого люты \
     феб фебруар фев февр февраль февраля февруари",
    "bre brezen brezna kovas kovo maalis maaliskuu maaliskuuta maart mar marc marca march marcius marco marec maret \
     mars mart marta martie marts martxoa marz marzec marzo mrt ozu ozujak ozujka μαρ μαρτιου бер березень березня \
     мар март марта сак сакавік сакавіка maerz",
    "abr abril aib aibrean api apirila apr april aprila aprile aprilie aprilis aprill avr avril balandis balandzio \
     dub duben dubna huhti huhtikuu huhtikuuta kwi kwiecien kwietnia nis nisan pri prill tra travanj travnja απρ \
     απριλιου апр апрель апреля април квіт квітень квітня кра красавік красавіка",
    "beal bealtaine geguze geguzes kve kveten kvetna mag maggio mai maiatza maig maijs maio maj maja majus may mayo \
     mayıs mei svi svibanj svibnja touko toukokuu toukokuuta μαι μαιου маи мая мај трав травень травня",
    "birzelio birzelis cerven cervna cvn cze czerwca czerwiec eka ekaina giu giugno haz haziran iun iunie juin jun \
     juna june junho juni junij junijs junio junius juny juuni kesa kesakuu kesakuuta lipanj lipnja meith meitheamh \
     qer qershor xuno ιουν ιουνιου июн июнь июня черв червень червня чэр чэрвень чэрвеня юни јун јуни",
    "cervence cervenec cvc heina heinakuu heinakuuta iuil iul iulie juil juillet jul jula julho juli julij julijs \
     julio juliol julius july juuli korr korrik liepa liepos lipca lipiec lug luglio srpanj srpnja tem temmuz uzt \
     uztaila xul xullo ιουλ ιουλιου июл июль июля лип липень липня ліп ліпень ліпеня юли јул јули",
    "abu abuztua ag ago agost agosto agu agust agustos agustus aout aug august augusta augusti augusts augustus \
     augusztus avg avgust elo elokuu elokuuta gush gusht kol kolovoz kolovoza lun lunasa rugpjucio rugpjutis sie \
     sierpien sierpnia srpen srpna αυγ αυγουστου авг август августа жні жнівень жніуня серп серпень серпня",
    "eyl eylul ira iraila rugsejis rugsejo ruj rujan rujna sep sept septembar september septembra septembre \
     septembrie septembris septiembre set setembre setembro settembre sht shtator syys syyskuu syyskuuta szept \
     szeptember wrz wrzesien wrzesnia zar zari σεπ σεπτεμβριου вер верасень верасня вересень вересня сент сентябрь \
     сентября сеп септембар септември",
    "eki ekim loka lokakuu lokakuuta oct october octobre octombrie octubre okt oktobar oktober oktobra oktobris \
     oktoober ott ottobre out outubro paz pazdziernik pazdziernika rij rijen rijna spalio spalis tet tetor urr urria \
     οκτ οκτωβριου жовт жовтень жовтня кас кастрычнік кастрычніка окт октобар октомври октябрь октября",
    "aza azaroa kas kasım lapkricio lapkritis listopadu marras marraskuu marraskuuta nen nentor noiembrie nov \
     novembar november novembra novembre novembris novembro noviembre samh samhain stu studeni studenoga νοε \
     νοεμβριου лист листопад листопада ліс лістапад лістапада нов новембар ное ноември нояб ноябрь ноября",
    "abe abendua ara aralık dec decembar december decembra decembre decembrie decembris decembro des desember \
     desembre dets detsember dez dezember dezembro dhj dhjetor dic dicembre diciembre gru grudnia grudzien gruodis \
     gruodzio joulu joulukuu joulukuuta noll nollaig pro prosinac prosinca prosince prosinec δεκ δεκεμβριου груд \
     грудень грудня дек декабрь декабря декември дец децембар сне снежань снежня",
];

/// The names of days of the week.
const WEEKDAYS: &str = "an antradienis ar asteartea asteazkena astelehena az car carsamba cet cetrtek ceturtd ceturtdiena cetvrtak cmt \
     cs csutortok ct ctvrtek cum cuma cumartesi czw czwartek dc dg die diel dienstag dijous dilluns dim dimanche \
     dimarts dimecres dinsdag dissabte diumenge divendres dj dl do dom domenica domingo donderdag donnerstag ds dt \
     dum duminica dv enj enjte esmaspaev feira fim fimmtudagur fos fostudagur fr fre fredag freitag fri friday gio \
     giovedi hen hene hetfo ig igandea jeu jeudi joi jue jueves jum jumat kam kamis ke kedd keskiviikko \
     ketvirtadienis kolmapaev kt la larunbata lau lauantai laugardagur laupaev laurdag lor lordag lr lun lundi lunedi \
     lunes luni luns lør lørdag ma maanantai maandag man mandag manudagur mar mardi marte martedi martes marti mer \
     mercoledi mercores mercredi merkure mi mie miercoles miercuri min minggu mittwoch mið miðvikudagur mo mon monday \
     montag ne ned nedela nedele nedelja nedjelja neljapaev niedz niedziela og ons onsdag or osteguna ostirala otrd \
     otrdiena pa patek paz pazar pazartesi pe penktadienis pentek per perjantai persembe pet petak petek pi piatek \
     piatok piektd piektdiena pirmadienis pirmd pirmdiena pn po pon pondeli pondelok ponedeljak ponedeljek \
     ponedjeljak poniedziałek pr pre premte pt puhapaev pzt qua quarta qui quinta rab rabu reede sa sab sabado sabato \
     sabtu sal salı sam sambata samedi samstag sat saturday seg segunda sekmadienis sel selasa sen senin sestadienis \
     sestd sestdiena sex sexta sht shtune sk so sob sobota son sondag sonntag sr sre sreda sri srijeda sroda st \
     streda stvrtok su sub subota sun sunday sunnudagur sunnuntai svetd svetdiena sze szerda szo szombat søn søndag \
     teisipaev ter terca thu thursday ti tiistai tir tirs tirsdag tis tisdag to tor torek tors torsdag torstai tr \
     treciadienis tresd tresdiena tue tuesday tys tysdag ut utery uto utorak utorok vasarnap ven vendredi venerdi \
     venres vie viernes vin vineri vr vrijdag wed wednesday wo woensdag wt wtorek xov xoves za zaterdag zo zondag þri \
     þriðjudagur δευ δευτερα κυρ κυριακη παρ παρασκευη πεμ πεμπτη σαβ σαββατο τετ τεταρτη τρι τριτη ау ауторак \
     воскресенье вс вт вто вторник вівторок нд нед недела неделя недеља неділя нядзеля панядзелак пет петак петок \
     петък пн пон понеделник понедельник понедељак понеділок пт пятница пятніца саб сабота сб серада середа ср сре \
     среда сряда суб суббота субота събота уто уторак чацвер чет четвер четверг четвртак четврток четвъртък чт чц \
     thur thurs tues weds";

/// Returns the month, from 1, of a folded name.
pub fn find_month(word: &str) -> Option<u32> {
    let place = MONTHS
        .iter()
        .position(|names| names.split(' ').any(|name| name == word))?;
    u32::try_from(place + 1).ok()
}

/// Whether a folded word names a day of the week.
pub fn is_weekday(word: &str) -> bool {
    WEEKDAYS.split(' ').any(|name| name == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_of_one_month() {
        let mut names: Vec<&str> = MONTHS.iter().flat_map(|names| names.split(' ')).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        for (word, month) in [
            ("may", 5),
            ("mai", 5),
            ("marz", 3),
            ("августа", 8),
            ("geguzes", 5),
            ("sept", 9),
        ] {
            assert_eq!(find_month(word), Some(month), "{word}");
        }
        assert_eq!(find_month("listopad"), None);
        assert!(is_weekday("sat") && is_weekday("samstag") && !is_weekday("x"));
    }
}
