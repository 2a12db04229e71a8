"""Recognize designations of arms, such as `Mi-24`, by the family of their letters and figures.

A designation is matched in folded form: small letters, no hyphen, no plural (`mig29`, `t72b3`, `9m133`). Families that
several weapons share (`M60`: a machine gun and a tank) are "maybe": any surer word beside them decides.
"""

import re
from functools import lru_cache
from typing import Final

_PREFIXES: Final = """
    ara armm bam bap bns brp ccg cgc cns enm esps fgs fs gns hdms hmas hmcs hmnzs hms hnlms hnoms hs hswms htms
    ins irins iris jds js kbv kd knm kns kri lns ltsg nns orp pns psns rfa roks rou rov rss slns tcg tncg umng
    usav uscg uscgc usns uss zrms
"""
SHIP_PREFIXES: Final = frozenset(_PREFIXES.split())
"""What stands before a warship's name. Civil prefixes (MV, MT) are left out: what bears one is no weapon by itself."""

# Ordered: the first family that matches decides. White space in a pattern means nothing.
_FAMILIES: Final = (
    (
        "naval_sure",
        r"""
        (?:ddg?|cvn|lhd|lha|lpd|lsd|ffg?|ffh|ss[bg]?n|ssk|lcs|lst|mcm|opv|pk[gm]|pgm|kbv|ccg|kn|cgn?)\d{3,5} |
        (?:ddg|cvn|lhd|lha|lpd|lsd|ffg|ssb?n|ssgn|lcs|cgn?)\d{2} | [df](?!1[01]\d)\d{3}
        """,
    ),
    (
        "uav_sure",
        r"""
        (?:mq|rq)\d+[a-z]? | ch(?:3|4|5|7|92|95|901)[a-z]? | tb[23]s? | wj\d{3} | uj2\d | tu14[13] | wl\d | gj[12] |
        bzk\d+ | asn\d+ | zala\d* | k2k | hero\d+ |
        r18
        """,
    ),
    (
        "air_sure",
        r"""
        mig(?:9|15|17|19|2[1-9]|3[15])[a-z]{0,4}\d{0,2} | su(?:7|9|15|17|2[0-57]|3[0-57]|57)[a-z]{0,4}\d?[a-z]? |
        (?:tu(?:16|22|95|134|142|154|160|2)|il(?:2|14|18|20|22|28|38|62|76|78|86|96)|an(?:2|8|12|22|24|26|28|30|32|
        70|72|74|124)|yak\d{2,3}|be(?:12|200)|ka\d{2})[a-z]{0,3}\d?[a-z]? |
        mi(?:1|2|4|6|8|9|14|17|171|24|25|26|28|35|38)[a-z]{0,4}\d? |
        f(?:4|5|6|7|8|14|15|16|18|2[02]|35|8[46]|10[0-6]|111|117)[a-z]{0,3}(?:\d{1,2})? | fa(?:18|50)[a-z]{0,2} |
        a(?:[67]|10|2[0-9]|37|50|129|109|119|139|400m?)[a-z]{0,3} | ac(?:47|119|130|208|235)[a-z]? | av8[ab]? |
        a4(?:ku|[a-n]) | b(?:1b?|2a?|17|2[459]|26|52|57)[a-h]? | c(?:1|2|5|9|17|27j?|37|46|47|54|5[78]|11[89]|
        12[3-9]|130|13[15]|14[01]|160|20[58]|21[02]|235|295|390|101)[a-z]{0,2}(?:30)? |
        (?:kc|rc|mc|hc|wc|lc)(?:10|30|46|97|13[05]|390)[a-z]? | ec130[a-z]? | [er]a\d{1,2}[a-z] |
        e(?:[236]|7a)[a-z]? | p(?:3|8)[a-c]? |
        (?:uh|ah|hh|mh|sh|oh|rh|th|nh|ch)(?:[16]|34|46|47|5[038]|58|6[0458]|7[02]|90)[a-z]{0,2}\d? |
        h(?:6[a-z]?|125|135|145|160|175|215|225) | s(?:55|58|61|65|70|76)[a-z]{0,2} |
        as(?:33[02]|350|355|365|50|53[2]|55[05]|565)\w? | sa3\d\d\w? | ec(?:120|135|145|155|225|635|725) | aw\d{3} |
        bo105 | bk117 | nh90 | eh101 | aw101 | ov(?:1|10)[a-d]? | o[12][a-e]? |
        l(?:29|39|59|159|410|100)[a-z]{0,2} | k8[a-z]? | y(?:5|7|8|9|12|20)[a-z]? | z(?:8|9|10|18|19|20)[a-z]? |
        j(?:5|6|7|8|10|11|15|16|20|31|35)[a-z]{0,2} | jf17[a-z]? | jh7a? | q5 | ja37 | jas39 |
        t(?:6|27|28|29|33|37|38|41|50|129)[a-d]? | at6 | pc(?:6|7|9|12|21) | emb3\d\d | ia(?:58|63) | mb3\d\d |
        md5\d\d[a-z]? | cn235 | cl215 | u2 | sr71 | ek\d+ | bt67 | dc3 | bn2[at]? | do(?:28|228) | g(?:222|91|4m) |
        g2a | sf260 | at802 | (?:fab|ofab|odab|kab|rbk|betab|zab|upab|ptab|gbu|cbu|mk(?=8[0-4])|blu|mpb|hgk|kgk|ld|
        haft|spice|mab)\d+\w* | r400 | ft7 | ls6
        """,
    ),
    (
        "vehicle_sure",
        r"""
        t(?:10|14|34|44|5[4579]|6[0249]|72|8[0489]|9[0-9])(?!\d)[a-z]{0,3}\d?[a-z]{0,2}(?:20\d\d)? |
        btr[td]?\d*[a-z]{0,3}\d? | bm[pdo]t?\d?[a-z]{0,4}\d? | brdm?\d*[a-z]? | mt[lb]b?\w? | pt76b? | ot6[245] |
        is[23] | su100 | su85 | asu\d+ | m(?:113|1117|1114|115[12]|1126|1025|1038|998|706|577|548|551|59|75|88|41|
        47|48|103|125|35|728|901|60a)[a-z]?\d?[a-z]?\d? | m1a[12]\w* | m60a\d | m2a[234] | m3a[23] | amx\d+\w* |
        aml\d* | erc90 | eb?rc?90 | ebr | ee(?:3|9|11) | v1[05]0s? | lav\d* | aav\w* | vbt?l?\d* | wz\d+ | vn\d+ |
        vt\d\w? | zt[zq]\d+\w? | zb[dl]\d+ | zsl\d+ | zpt | zil\d+ | gaz\d+ | kamaz\d* | ural\d+ | uaz\d+ |
        kraz\d+ | rg(?:12|31|32|33)\w? | cv90\d*\w? | strv\d+ | pbv\d+ | d[6789][a-z]? | ur77 | imr2? | mtu\d+ |
        rm7000 | l[13]e3 | bov\w? | m(?:80a|84a?|95) | pts\d? | yw\d+ | k21 | k1a\d | k2pl | pzl130
        """,
    ),
    (
        "artillery_sure",
        r"""
        bm\d+\w{0,2} | rm70 | 9k5[1278]\w* | 9m(?:2[278]|55|5[358]|21)\w* | 9a5\d | 2[sb]\d{1,2}\w? |
        d(?:1|20|30|44|48|74)[a-z]? |
        m(?:46|777|119|198|224|252|270|142|109|114|115|110a|163|167|116|101|102)(?:a\d)?\w? |
        l(?:118|119|16|70|60)(?:a\d)? | as90s? | pzh\w* | k(?:9|55)a?\d? | pc?l[czr]\d+ | pc?l181 | ph[lz]\d+ |
        gh?[56] | gh?n45 | fh\d+ | t155 | zis3 | bs3 | mt12 | t12 | zu\d+\w? | zu232 | zsu\d* | zsu234 |
        z[us]2[23]\w* | dkz?\d+\w? | frog\d? | spg\d*\w? | pg9\w? | b1[01] | ks\d+ | 52k | s[56]0 | s5[a-z]? |
        s8[a-z]? | s13 | s24 | tos\d\w? | wm\d+ | sr5 | wr\d+ | fr\d+ | ags\d{3} | l1[05]5 | a100 | c13 | rpu14 |
        lrsv | m63 | m77 | m87 | rak12 | crv7 | zuni | mar290 | \d{2,3}pounder | rh202 | mk(?:8|45|15|75) |
        ak(?:100|130|176|230|630)\w? | gdf\d* | lp2 | falaq\d | fajr\d+\w? | qassam\d | r160 | m75 | j80 | m302
        """,
    ),
    (
        "missile_sure",
        r"""
        9[kmp]\d+\w* | s(?:75|125|200|25|300|350|400|500)\w{0,4}\d? | sam\d{1,2}\w? | sa(?!80|58)\d{1,2}\w? |
        ssn\d+ | ss[cx]?(?:11|12|1|21|22|23|26|10|20|18|19|25|27)[a-d]? | [km]n(?:02|06|1[1579]|2[0-9])\w? |
        (?:agm|aim|fim|mim|bgm|rim|lgm|ugm|mgm|rgm|cgm|pac|pl|sd)\d+\w* | kh\d+\w* |
        x(?:22|31|35|55|59|69|101|555) | sm[236] | r(?:23|24|27|33|37|60|73|77|3s|530|550|11|17|36)\w{0,2} |
        3m\d+\w? | p(?:15|21|35|70|120|270|500|700|800|1000)\w? | hq\d+\w? | hj\d+\w? | fn6\w? | hn5\w? | qw\d+\w? |
        df\d+\w{0,3} | hy\d | yj\d+\w? | c(?:70[1-5]|80[1-3])\w? | cj\d+\w? | cm\d{3} | jl\d\w? | fk\d{4}\w? |
        ly\d+ | rbs\d+ | am39 | mm(?:38|40) | fm(?:80|90) | ss30 | xt\d | tl2 | ar1 | bre\d | bt6 | (?:tow|milan|
        hot|kornet|igla|strela|spike|burkan|badr|quds|aster|barak|fateh|fath|shahab|qiam|agni|prithvi|ghauri|
        shaheen|scud|bavar|arrow|patriot|buk|tor|qasim)\d+\w{0,3} | lfk | r360 | zelzal\d | mam\d
        """,
    ),
    (
        "grenade_sure",
        r"""
        rp[go]\d*\w{0,3} | rg[dno]\d*\w? | rkg\w* | og7\w? | pg7\w{0,3} | tbg7\w? | gp\d{2} | ags\d{2} | mk19 |
        mk47 | vog\d*\w? | m(?:203|320|79|72|67|141|136|26a|33a|61)(?:a\d)? | b(?:40|41|7) | law\d* | at4\w{0,2} |
        c90\w? | lrac\d* | rpa | rl83 | ug[bl]l?\d* | gl06 | hk69 | ag36 | m57 | m80 | m90 | rbr | p27 | pf89 |
        df87 | fhj\d+ | dp64 | gm94 | rgb6
        """,
    ),
    (
        "ied_mine_sure",
        r"""
        tm[admnkv]?\d+\w? | pmn\d?\w? | pfm\w* | po?mz?\d\w* | po[mz]{1,2}\d*\w? | ozm\w* | mon\d+ | pmd\w?\d? |
        ppm\d? | pma\d | pmr\w* | pom\d\w? | ts\d+ | vs(?:50|1)\d* | sb\d{2} | m18a\d | m1[59] | p4b | c4 | pe\d |
        pp9 | tnt\d* | pdm\w* | ts50 | m08 | lugm\w* | mdm\d | uk58 | ykd\w* | gyata\d* | vp13 | pt?mk\w* | ptm\w+ |
        apers | c3
        """,
    ),
    (
        "small_arms_sure",
        r"""
        ak(?:[a-z]{0,3}(?:4[79]|5\d|7\d|8\d|1[05]\w|12|15|9|308|203|101|100)?)\w{0,3} | akm\w* | aks\w* |
        ar(?:1[058]|70|180|6|7)\w? | m(?:16|4)a\d\w* |
        m(?:16|14|4|1911|240|249|110a|107a|70b|2hb|92s|12s)(?!\d)[a-z]{0,2}\d? |
        g(?:3|36|11|28|41|1[79]|2[0-9]|43|98|33|22)\w{0,2}\d? | hk\d+\w? | mp[457]\w{0,3}\d? | mp(?:38|40|43|44) |
        mg(?:1|2|3|4|5|34|42|13|42|45)\w? | psg1 | msg90 | l1a1 | l85\w* | l86\w* | l7a\d | l115\w* | l2a\d |
        l96\w* | l129\w* | l9a1 | l42a1 | sa80\w* | f2000 | p90 | fn\d{2} | c7a?\d? | c8a?\d? | rp[dk]\d*\w? |
        pk[a-z]{0,2}\d? | pkp | dsh?k\w?\d{0,2} | dp2[78]\w? | kpv\w? | zpu\d | nsvt? | sg43 | sgm\w? | rp46 |
        sv[dtu]\d*\w? | sks\d* | pps[h]?\d* | vss | vz\d+ | sa58 | zb\d{2} | sr\d{1,2} | mas\d{2} | mat49 |
        mac(?:10|11|50|24) | tec9 | cz\d+\w? | tt\d{0,2} | p(?:38|08|226|228|229|320|30|7|99|35) | pm63 | pm84 |
        x95 | ar15\w? | r15 | qb[zuc]\d+\w? | qj[yzb]\d+\w? | w85 | ss[12](?=v)\w* | ss2v1 | ss[12] | sar\d+ |
        fs2000 | scar\w? | k2c? | k3 | k1a | t(?:56|65|81|83|86|91|75)\w?\d? | m249 | cq\w? | \d{2,3}bore | ots\d+ |
        as50 | trg\d+ | awm? | m24 | m110 | fmk3 | pam\d | ump\d+ | vhs\w?\d? | mpi\w* | aug\w?\d? | uzi\d? |
        bren\d? | ppsh41 | svd\w? | 303s? | aek\d+
        """,
    ),
    (
        "ied_mine_maybe",
        r"""
        type(?:58|72)[a-c]?
        """,
    ),
    (
        "artillery_maybe",
        r"""
        m30 | m107 | type63 | type8[29]
        """,
    ),
    (
        "vehicle_maybe",
        r"""
        type(?:59|62|69|88|96|98|99|15)[a-d]?
        """,
    ),
    (
        "small_arms_maybe",
        r"""
        m(?:1|2|3|9|10|20|21|24|38|40|49|60|70|76|82|107|110|18)[a-z]? | r[1-6] | g[4-9] | p\d{1,2} | type\d{2}\w?
        """,
    ),
    (
        "grenade_maybe",
        r"""
        f1 | m2[46] | m67 | l109 | m75 | m61
        """,
    ),
    (
        "air_maybe",
        r"""
        f\d{1,2}[a-z]{0,3} | a[1345][a-z]? | mi\d{1,2}\w* | su\d{2}\w* | j\d{1,2}\w? | e\d\w?
        """,
    ),
    (
        "missile_maybe",
        r"""
        at\d{1,2}\w?
        """,
    ),
    (
        "vehicle_maybe",
        r"""
        m\d{3,4}(?:a\d)? | t\d{2}
        """,
    ),
)


@lru_cache(maxsize=1)
def families() -> re.Pattern[str]:
    """Compile one pattern of all families, on the first use.

    Returns:
        The pattern; the group that matched is named kind, certainty and number, such as `small_arms_sure_7`.
    """
    groups = (f"(?P<{name}_{i}>{family})" for i, (name, family) in enumerate(_FAMILIES))
    return re.compile("|".join(groups), re.VERBOSE)
